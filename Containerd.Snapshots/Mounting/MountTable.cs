using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>The mount table of the calling thread's mount namespace. Source: proc_pid_mountinfo(5).</summary>
internal sealed class MountTable
{
    // The thread's, not the process': a mounter may be used on a thread that has a namespace of its own.
    public const string File = "/proc/thread-self/mountinfo";

    private MountTable(List<MountTableEntry> entries) => Entries = entries;

    /// <summary>The mounts, in the order they were made.</summary>
    public IReadOnlyList<MountTableEntry> Entries { get; }

    // A path may have any other character that ends a line for .NET.
    public static MountTable Read() => Parse(System.IO.File.ReadAllText(File, Encoding.UTF8).Split('\n', StringSplitOptions.RemoveEmptyEntries));

    public static MountTable Parse(IEnumerable<string> lines)
    {
        var entries = new List<MountTableEntry>();
        foreach (string line in lines)
        {
            string[] fields = line.Split(' ');
            int separator = Array.IndexOf(fields, "-", Math.Min(6, fields.Length));
            if (separator < 0 || separator + 1 >= fields.Length)
                throw new ContainerdException(ErrorKind.DataCorrupted, $"Reading the mount table: '{Excerpt.Of(line)}' is not a line of mountinfo.");
            entries.Add(new MountTableEntry(
                int.Parse(fields[0], CultureInfo.InvariantCulture), int.Parse(fields[1], CultureInfo.InvariantCulture), Unescape(fields[4]), fields[separator + 1],
                fields[6..separator].Any(tag => tag.StartsWith("shared:", StringComparison.Ordinal) || tag.StartsWith("master:", StringComparison.Ordinal)),
                fields[^1] is "ro" || fields[^1].StartsWith("ro,", StringComparison.Ordinal)));
        }
        return new MountTable(entries);
    }

    /// <summary>The ID of the mount that a handle was opened through.</summary>
    public static int IdOf(SafeFileHandle handle)
    {
        string path = Sys.PathOf(handle).Replace("/fd/", "/fdinfo/", StringComparison.Ordinal);
        string line = System.IO.File.ReadLines(path).First(text => text.StartsWith("mnt_id:", StringComparison.Ordinal));
        return int.Parse(line.AsSpan("mnt_id:".Length).Trim(), NumberStyles.None, CultureInfo.InvariantCulture);
    }

    /// <summary>The mount that a handle was opened through; null where this mount namespace does not have it.</summary>
    public static MountTableEntry? EntryOf(SafeFileHandle handle)
    {
        int id = IdOf(handle);
        return Read().Entries.Where(entry => entry.Id == id).Select(entry => (MountTableEntry?)entry).FirstOrDefault();
    }

    /// <summary>The mounts at a path and beneath it, those to unmount first coming first.</summary>
    public List<MountTableEntry> At(string path)
    {
        string beneath = path == "/" ? "/" : path + "/";
        return [.. Entries
            .Where(entry => entry.Path == path || entry.Path.StartsWith(beneath, StringComparison.Ordinal))
            .Reverse()
            .OrderByDescending(entry => entry.Path.Count(c => c == '/'))];
    }

    /// <summary>The mounts attached to a mount, directly or through others.</summary>
    public IEnumerable<MountTableEntry> DescendantsOf(int id)
    {
        var known = new HashSet<int> { id };
        // A mount is listed after its parent unless it was moved, so this goes on until nothing is new.
        for (bool found = true; found;)
        {
            found = false;
            foreach (MountTableEntry entry in Entries)
            {
                if (known.Contains(entry.ParentId) && known.Add(entry.Id))
                {
                    found = true;
                    yield return entry;
                }
            }
        }
    }

    // Blank, tab, newline and backslash are \ooo; the bytes are UTF-8 text otherwise.
    private static string Unescape(string field)
    {
        if (!field.Contains('\\', StringComparison.Ordinal))
            return field;
        var text = new StringBuilder(field.Length);
        for (int i = 0; i < field.Length; i++)
        {
            if (field[i] == '\\' && i + 3 < field.Length && field.AsSpan(i + 1, 3).IndexOfAnyExceptInRange('0', '7') < 0)
            {
                text.Append((char)(((field[i + 1] - '0') << 6) | ((field[i + 2] - '0') << 3) | (field[i + 3] - '0')));
                i += 3;
            }
            else
            {
                text.Append(field[i]);
            }
        }
        return text.ToString();
    }
}
