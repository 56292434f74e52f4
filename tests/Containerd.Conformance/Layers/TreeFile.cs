using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Containerd.Conformance;

/// <summary>What a file of a tree is, as the kernel tells it.</summary>
/// <param name="Path">The path in the tree, each byte a character.</param>
/// <param name="Type">The type's letter as in <c>find -printf %y</c>: <c>d f l p c b s</c>.</param>
/// <param name="Mode">Permission bits with set-id and sticky bits.</param>
/// <param name="Uid">The owner's number.</param>
/// <param name="Gid">The group's number.</param>
/// <param name="ModifyTime">The modification time in seconds since 1970 with its fraction as digits.</param>
/// <param name="Size">The size in bytes; zero for directories, whose size means nothing.</param>
/// <param name="Links">The number of hard links; one for directories.</param>
/// <param name="Inode">The file's number, by which hard links are found.</param>
/// <param name="Target">A symbolic link's target; empty for all else.</param>
/// <param name="Content">A small regular file's content as text; empty for all else.</param>
public sealed record TreeFile(
    string Path, char Type, int Mode, uint Uid, uint Gid, string ModifyTime, long Size, int Links, ulong Inode, string Target, string Content)
{
    private const int MaxContent = 4096;

    /// <summary>The file in the notation of expected trees: <c>dir/</c>, <c>file=content</c>, <c>link->target</c>, and <c>p:</c>, <c>c:</c>, <c>b:</c> for the rest.</summary>
    public override string ToString() => Type switch
    {
        'd' => $"{Path}/",
        'f' => $"{Path}={Content}",
        'l' => $"{Path}->{Target}",
        _ => $"{Type}:{Path}",
    };

    /// <summary>Reads a tree with GNU find, its root left out, ordered by path.</summary>
    /// <param name="root">The directory.</param>
    public static IReadOnlyList<TreeFile> ReadAll(string root)
    {
        var start = new ProcessStartInfo("find") { RedirectStandardOutput = true, RedirectStandardError = true, StandardOutputEncoding = Encoding.Latin1 };
        foreach (string argument in (string[])[root, "-mindepth", "1", "-printf", @"%P\0%y\0%m\0%U\0%G\0%T@\0%s\0%n\0%i\0%l\0"])
            start.ArgumentList.Add(argument);
        using Process find = Process.Start(start)!;
        Task<string> errors = find.StandardError.ReadToEndAsync();
        string[] fields = find.StandardOutput.ReadToEnd().Split('\0');
        find.WaitForExit();
        Assert.That(find.ExitCode, Is.Zero, errors.GetAwaiter().GetResult());
        return [.. fields[..^1].Chunk(10).Select(file => Of(root, file)).OrderBy(file => file.Path, StringComparer.Ordinal)];
    }

    private static TreeFile Of(string root, string[] fields)
    {
        char type = fields[1][0];
        long size = type == 'f' ? long.Parse(fields[6], CultureInfo.InvariantCulture) : 0;
        bool readable = type == 'f' && size <= MaxContent && Ascii.IsValid(fields[0]) && root.Length + fields[0].Length < 4000;
        return new TreeFile(
            fields[0],
            type,
            Convert.ToInt32(fields[2], 8),
            uint.Parse(fields[3], CultureInfo.InvariantCulture),
            uint.Parse(fields[4], CultureInfo.InvariantCulture),
            fields[5],
            size,
            type == 'd' ? 1 : int.Parse(fields[7], CultureInfo.InvariantCulture),
            ulong.Parse(fields[8], CultureInfo.InvariantCulture),
            fields[9],
            readable ? File.ReadAllText(System.IO.Path.Join(root, fields[0]), Encoding.Latin1) : "");
    }
}
