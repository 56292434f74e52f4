using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Containerd.Conformance;

/// <summary>Makes trees from archives, and puts into lines of text all that makes a tree what it is, so that two can be compared.</summary>
/// <remarks>
/// Asks GNU find and GNU tar, which share no code with any implementation. Compared are names, types, owners, modes, access and modification times to the
/// nanosecond, sizes, which names are one file, targets of links, device numbers, extended attributes, ACLs, holes and content. The access times of
/// directories and symbolic links are left out: looking at them changes them.
/// </remarks>
public static class TreeSnapshot
{
    // Every attribute that tells something, and nothing that differs between two archives of the same tree.
    private static readonly string[] ArchiveArguments =
    [
        "--format=posix", "--pax-option=exthdr.name=x,delete=ctime,delete=atime", "--sort=name", "--numeric-owner", "--xattrs", "--xattrs-include=*",
        "--acls", "--sparse", "--sparse-version=0.1", "--hole-detection=seek", "--atime-preserve=system", "--warning=no-file-ignored", "-cf", "-",
    ];

    /// <summary>Unpacks an archive with everything in it.</summary>
    /// <param name="archive">The archive; ACLs as <c>SCHILY.acl.access</c> and <c>SCHILY.acl.default</c>, other attributes as <c>SCHILY.xattr.*</c>.</param>
    /// <param name="root">The directory, made if missing.</param>
    public static void Unpack(byte[] archive, string root)
    {
        Directory.CreateDirectory(root);
        Run("tar", archive, ["--numeric-owner", "--same-owner", "--xattrs", "--xattrs-include=*", "--acls", "-xpf", "-", "-C", root]);
        // Access times of their own: an archive's are not unpacked.
        Run("find", [], [".", "-depth", "-exec", "touch", "-a", "-h", "-d", "@1234567890.123456789", "{}", "+"], root);
    }

    /// <summary>Describes a tree, two lines per file, the root included: what find and what tar tell.</summary>
    /// <param name="root">The directory.</param>
    /// <param name="withAccessTimes">Whether access times count.</param>
    public static IReadOnlyList<string> Describe(string root, bool withAccessTimes = true)
    {
        byte[] found = Run("find", [], [root, "-printf", @"%P\0%y\0%m\0%U:%G\0%T@\0%A@\0%s\0%n\0%i\0%l\0"]);
        string[][] files = [.. Encoding.Latin1.GetString(found).Split('\0')[..^1].Chunk(10).OrderBy(fields => fields[0], StringComparer.Ordinal)];
        var names = new Dictionary<string, string>();
        var lines = new List<string>();
        foreach (string[] fields in files)
        {
            bool isDirectory = fields[1] == "d";
            names.TryAdd(fields[8], fields[0]);
            string access = withAccessTimes && fields[1] is not ("d" or "l") ? fields[5] : "";
            string size = isDirectory ? "" : $"{fields[6]} bytes, {fields[7]} names, first {names[fields[8]]}";
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"{fields[0]} {fields[1]} {fields[2]} {fields[3]} {fields[4]} {access} {size} {fields[9]}"));
        }
        lines.AddRange(Entries(Run("tar", [], [.. ArchiveArguments, "-C", root, "."])));
        return lines;
    }

    /// <summary>An archive's entries: header, extended header in order, and a digest of the content.</summary>
    private static IEnumerable<string> Entries(byte[] archive)
    {
        string extended = "";
        for (int at = 0; archive[at] != 0;)
        {
            string header = Encoding.Latin1.GetString(archive, at, TarBuilder.BlockLength);
            int length = Convert.ToInt32(header[124..135], 8);
            ReadOnlySpan<byte> data = archive.AsSpan(at + TarBuilder.BlockLength, length);
            at += TarBuilder.BlockLength + length + (-length & (TarBuilder.BlockLength - 1));
            if (header[156] == 'x')
            {
                // The order of attributes is the file system's, and means nothing.
                extended = string.Join(", ", Records(data).Order(StringComparer.Ordinal));
                continue;
            }
            // A sparse file's name is in a record; in the header stands one with tar's process ID.
            int start = extended.Contains("GNU.sparse.name=", StringComparison.Ordinal) ? 100 : 0;
            string fields = string.Join(' ', header.Remove(148, 8)[start..].Split('\0', StringSplitOptions.RemoveEmptyEntries));
            yield return $"{fields} [{extended}] {Convert.ToHexString(SHA256.HashData(data))}";
            extended = "";
        }
    }

    private static List<string> Records(ReadOnlySpan<byte> data)
    {
        var records = new List<string>();
        while (!data.IsEmpty)
        {
            int length = int.Parse(data[..data.IndexOf((byte)' ')], CultureInfo.InvariantCulture);
            records.Add(Encoding.Latin1.GetString(data[..(length - 1)]));
            data = data[length..];
        }
        return records;
    }

    private static byte[] Run(string program, byte[] input, IEnumerable<string> arguments, string directory = "/")
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = directory };
        start.Environment["LC_ALL"] = "C"; // names are bytes
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        Task writing = Task.Run(() =>
        {
            process.StandardInput.BaseStream.Write(input);
            process.StandardInput.Close();
        });
        using var output = new MemoryStream();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        writing.GetAwaiter().GetResult();
        Assert.That(process.ExitCode, Is.Zero, $"{program}: {errors.GetAwaiter().GetResult()}");
        return output.ToArray();
    }
}
