using System.Globalization;

namespace Containerd.Snapshots;

/// <summary>Who keeps a mount busy, as far as /proc tells without entering other namespaces.</summary>
internal static class BusyHolders
{
    private const int MaxNamed = 4;

    // A look over every process' descriptors; a machine with more of them than this is not searched to the end.
    private const int MaxLinks = 50_000;

    /// <summary>A sentence that names what was found, empty where nothing was.</summary>
    public static string Describe(string path)
    {
        string beneath = path == "/" ? path : path + "/";
        List<MountTableEntry> inner = MountTable.Read().At(path).FindAll(entry => entry.Path != path);
        if (inner.Count > 0)
            return $" '{Excerpt.Of(inner[0].Path)}' is mounted beneath it; unmount recursively.";

        List<string> holders = LoopDevicesOf(beneath);
        int links = 0;
        foreach (string process in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(process.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out int id))
                continue;
            if (LinksOf(process).Any(link => ++links <= MaxLinks && TargetOf(link) is { } held && (held == path || held.StartsWith(beneath, StringComparison.Ordinal))))
                holders.Add($"{NameOf(process)} (process {id})");
            if (holders.Count == MaxNamed || links > MaxLinks)
                break;
        }
        return holders.Count == 0
            ? " No process that /proc shows has files there; a mapping, a swap file or a process in another PID namespace may hold it."
            : $" It is used by {string.Join(", ", holders)}.";
    }

    // An overlay keeps the file system of its layers, not the mount they were found through: it makes none of them busy.
    private static List<string> LoopDevicesOf(string beneath)
    {
        var holders = new List<string>();
        if (!Directory.Exists("/sys/block"))
            return holders;
        foreach (string device in Directory.EnumerateDirectories("/sys/block", "loop*"))
        {
            string image;
            try
            {
                image = File.ReadAllText($"{device}/loop/backing_file").TrimEnd('\n');
            }
            catch (IOException)
            {
                // It has no image, or has just lost it.
                continue;
            }
            if (image.StartsWith(beneath, StringComparison.Ordinal) && holders.Count < MaxNamed)
                holders.Add($"/dev/{Path.GetFileName(device)}, whose image is '{Excerpt.Of(image)}'");
        }
        return holders;
    }

    private static IEnumerable<string> LinksOf(string process)
    {
        yield return $"{process}/cwd";
        yield return $"{process}/root";
        yield return $"{process}/exe";
        string[] files;
        try
        {
            files = Directory.GetFiles($"{process}/fd");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It has ended, or is another user's: then it goes unnamed.
            yield break;
        }
        foreach (string file in files)
            yield return file;
    }

    private static string? TargetOf(string link)
    {
        try
        {
            return new FileInfo(link).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string NameOf(string process)
    {
        try
        {
            return Excerpt.Of(File.ReadAllText($"{process}/comm").TrimEnd());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "unnamed";
        }
    }
}
