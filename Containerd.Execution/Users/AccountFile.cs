using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Execution;

/// <summary>Reads /etc/passwd and /etc/group of a root file system that may be out to hurt: regular files only, nothing outside the root, bounded.</summary>
internal static class AccountFile
{
    private const int MaxBytes = 10 * 1024 * 1024;
    private const int MaxLineLength = 64 * 1024;

    /// <summary>The accounts, in order; empty where there is no file.</summary>
    public static IReadOnlyList<Account> ReadUsers(string root)
    {
        var accounts = new List<Account>();
        foreach (string line in ReadLines(root, "etc/passwd"))
        {
            if (line.Split(':') is [{ Length: > 0 } name, _, var uid, var gid, ..] && Id(uid) is { } u && Id(gid) is { } g)
                accounts.Add(new Account(name, u, g));
        }
        return accounts;
    }

    /// <summary>The groups, in order; empty where there is no file.</summary>
    public static IReadOnlyList<AccountGroup> ReadGroups(string root)
    {
        var groups = new List<AccountGroup>();
        foreach (string line in ReadLines(root, "etc/group"))
        {
            if (line.Split(':') is [{ Length: > 0 } name, _, var gid, var members] && Id(gid) is { } g)
                groups.Add(new AccountGroup(name, g, members.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).ToFrozenSet(StringComparer.Ordinal)));
        }
        return groups;
    }

    // A line with a number out of range is no account: it must not wrap round to root.
    private static uint? Id(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? (uint)id : null;

    private static IEnumerable<string> ReadLines(string root, string path)
    {
        using SafeFileHandle? file = Interop.OpenInRoot(root, path);
        if (file is null)
            return [];
        byte[] bytes = ReadBounded(file, path);
        string[] lines = Encoding.UTF8.GetString(bytes).Split('\n');
        if (lines.Any(line => line.Length > MaxLineLength))
            throw TooLarge(path, $"a line of it has more than {MaxLineLength} characters");
        return lines.Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#');
    }

    private static byte[] ReadBounded(SafeFileHandle file, string path)
    {
        using var stream = new FileStream(file, FileAccess.Read, bufferSize: 0);
        var content = new MemoryStream();
        byte[] buffer = new byte[16 * 1024];
        int read;
        while ((read = stream.Read(buffer)) > 0)
        {
            content.Write(buffer, 0, read);
            if (content.Length > MaxBytes)
                throw TooLarge(path, $"it has more than {MaxBytes} bytes");
        }
        return content.ToArray();
    }

    private static ContainerdException TooLarge(string path, string why) =>
        new(ErrorKind.ResourceExhausted, $"The image's /{path} is not read: {why}.") { Subject = path };
}
