using System.Globalization;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Who keeps a mount busy, or a lock, as far as /proc tells without entering other namespaces.</summary>
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
        using SafeFileHandle? root = Sys.TryOpen(null, path, Sys.PathOnly | Tmds.Linux.LibC.O_NOFOLLOW, out _);
        int? mount = root is null ? null : MountTable.IdOf(root);
        int links = 0;
        foreach (string process in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(process.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out int id))
                continue;
            if (LinksOf(process).Any(link => ++links <= MaxLinks && TargetOf(link) is { } held && (held == path || held.StartsWith(beneath, StringComparison.Ordinal)) && IsThrough(link, mount)))
                holders.Add($"{NameOf(process)} (process {id})");
            if (holders.Count == MaxNamed || links > MaxLinks)
                break;
        }
        return holders.Count == 0
            ? " No process that /proc shows has files there; a mapping, a swap file or a process in another PID namespace may hold it."
            : $" It is used by {string.Join(", ", holders)}.";
    }

    /// <summary>A sentence that names who has the lock (flock) of an open file, empty where it is not found: it may be in another PID namespace.</summary>
    public static string DescribeLock(SafeFileHandle file)
    {
        if (Sys.Status(file, "", out EntryStatus status) != 0)
            return "";
        // proc(5): NUMBER: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE START END, the numbers of the device in hexadecimal. Whoever waits has an arrow before FLOCK.
        string id = $"{status.Device >> 32:x2}:{status.Device & uint.MaxValue:x2}:{status.Inode.ToString(CultureInfo.InvariantCulture)}";
        try
        {
            foreach (string line in File.ReadLines("/proc/locks"))
            {
                string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (fields.Length > 5 && fields[1] == "FLOCK" && fields[5] == id && int.TryParse(fields[4], NumberStyles.None, CultureInfo.InvariantCulture, out int process) && process > 0)
                    return $" {NameOf($"/proc/{process}")} (process {process}) has it.";
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not mounted, or hidden: then nobody is named.
        }
        return "";
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

    // A path alone says little: it may be what the mount covers, or lie in another mount namespace.
    private static bool IsThrough(string link, int? mount)
    {
        using SafeFileHandle? held = mount is null ? null : Sys.TryOpen(null, link, Sys.PathOnly, out _);
        return held is null ? mount is null : MountTable.IdOf(held) == mount;
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
