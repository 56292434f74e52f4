using System.Text;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>Entries that <see cref="TarBuilder"/> does not write: of old formats, sparse, or with a header that was changed by hand.</summary>
internal static class TarForge
{
    /// <summary>Adds an entry whose header is edited before its checksum is made.</summary>
    public static TarBuilder Edited(this TarBuilder archive, byte[] entry, Action<byte[]> edit)
    {
        edit(entry);
        TarBuilder.Seal(entry.AsSpan(0, TarBuilder.BlockLength));
        return archive.Raw(entry);
    }

    public static byte[] File(string name, string content = "", TarEntryOptions? options = null) => new TarBuilder().File(name, content, options).ToArrayWithoutEnd();

    /// <summary>Makes a header one of the time before POSIX: no magic, and the fields behind it are nobody's.</summary>
    public static void MakeOld(byte[] entry) => entry.AsSpan(257, 255).Clear();

    public static void MakeGnu(byte[] entry) => "ustar  \0"u8.CopyTo(entry.AsSpan(257));

    public static void Text(byte[] entry, int offset, string text) => Encoding.Latin1.GetBytes(text).CopyTo(entry, offset);

    /// <summary>Adds an old GNU sparse file: pieces in the header, and 21 in each block behind it.</summary>
    public static TarBuilder OldSparse(this TarBuilder archive, string name, long realSize, params (long Offset, string Data)[] pieces)
    {
        byte[] entry = new TarBuilder().Entry('S', Encoding.ASCII.GetBytes(name), default, default).ToArrayWithoutEnd();
        string content = string.Concat(pieces.Select(piece => piece.Data));
        var blocks = new List<byte>();
        archive.Edited(entry, header =>
        {
            MakeGnu(header);
            Text(header, 124, Octal(content.Length, 11));
            Text(header, 483, Octal(realSize, 11));
            for (int i = 0; i < Math.Min(pieces.Length, 4); i++)
                Text(header, 386 + (24 * i), $"{Octal(pieces[i].Offset, 11)}\0{Octal(pieces[i].Data.Length, 11)}\0");
            header[482] = pieces.Length > 4 ? (byte)1 : (byte)0;
            for (int done = 4; done < pieces.Length; done += 21)
            {
                byte[] block = new byte[TarBuilder.BlockLength];
                for (int i = 0; i < Math.Min(pieces.Length - done, 21); i++)
                    Text(block, 24 * i, $"{Octal(pieces[done + i].Offset, 11)}\0{Octal(pieces[done + i].Data.Length, 11)}\0");
                block[504] = done + 21 < pieces.Length ? (byte)1 : (byte)0;
                blocks.AddRange(block);
            }
        });
        return archive.Raw([.. blocks]).Raw(Padded(content));
    }

    /// <summary>Adds a sparse file of PAX 0.0, 0.1 or 1.0.</summary>
    public static TarBuilder PaxSparse(this TarBuilder archive, string version, string name, long realSize, params (long Offset, string Data)[] pieces)
    {
        string content = string.Concat(pieces.Select(piece => piece.Data));
        string numbers = string.Join(',', pieces.Select(piece => $"{piece.Offset},{piece.Data.Length}"));
        List<(string, string)> records = version switch
        {
            "0.0" => [("GNU.sparse.size", $"{realSize}"), ("GNU.sparse.numblocks", $"{pieces.Length}"),
                .. pieces.SelectMany(piece => new[] { ("GNU.sparse.offset", $"{piece.Offset}"), ("GNU.sparse.numbytes", $"{piece.Data.Length}") })],
            "0.1" => [("GNU.sparse.size", $"{realSize}"), ("GNU.sparse.numblocks", $"{pieces.Length}"), ("GNU.sparse.name", name), ("GNU.sparse.map", numbers)],
            _ => [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", name), ("GNU.sparse.realsize", $"{realSize}")],
        };
        if (version == "1.0")
        {
            string map = $"{pieces.Length}\n{numbers.Replace(',', '\n')}\n";
            content = map.PadRight((map.Length + TarBuilder.BlockLength - 1) / TarBuilder.BlockLength * TarBuilder.BlockLength, '\0') + content;
        }
        archive.Entry('x', "pax"u8, default, TarBuilder.PaxRecords(records.Select(record => (record.Item1, Encoding.UTF8.GetBytes(record.Item2)))));
        return archive.File(version == "0.0" ? name : $"GNUSparseFile.1/{name}", content);
    }

    /// <summary>Adds a long name ('L') or a long link target ('K') as GNU tar does.</summary>
    public static TarBuilder GnuLong(this TarBuilder archive, char type, string text) => archive.Entry(type, "././@LongLink"u8, default, Encoding.UTF8.GetBytes(text + '\0'));

    /// <summary>Adds an extended header by itself.</summary>
    public static TarBuilder Pax(this TarBuilder archive, char type, params (string Key, string Value)[] records) =>
        archive.Entry(type, "pax"u8, default, TarBuilder.PaxRecords(records.Select(record => (record.Key, Encoding.Latin1.GetBytes(record.Value)))));

    /// <summary>One archive with everything in it that the reader knows, and with paths that try to get out to <c>outside</c> beside the tree.</summary>
    public static byte[] EveryFeature()
    {
        string longName = string.Concat(Enumerable.Repeat("long-", 30));
        byte[] acl = [2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 7, 0, 1, 0, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255, 16, 0, 7, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255];
        byte[] capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        return new TarBuilder()
            .Pax('g', ("uid", "7"), ("mtime", "1000000001.5"), ("comment", "x"), ("path", "../outside/global"))
            .Directory("d", new() { Mode = 0x3ED, Pax = [("SCHILY.xattr.system.posix_acl_default", acl), ("SCHILY.xattr.user.d", "1"u8.ToArray())] })
            .File("d/f", new string('x', 700), new() { Mode = 0x9ED, Pax = [("SCHILY.xattr.security.capability", capability), ("LIBARCHIVE.xattr.user.l%25", "AAr/PQ"u8.ToArray())] })
            .Edited(File("old", "v7"), MakeOld)
            .Edited(new TarBuilder().Entry('\0', "old-directory/"u8, default, default).ToArrayWithoutEnd(), MakeOld)
            .Edited(File("name", "in a prefix"), entry => Text(entry, 345, "prefix/of"))
            .Edited(File("base-256", "b", new() { Uid = 3_000_000_000, ModifyTime = -5 }), MakeGnu)
            .GnuLong('K', "../" + longName).GnuLong('L', "d/" + longName).Entry('2', "cut"u8, "cut"u8, default)
            .File("pax", "0123456789", new() { Pax = [("path", "d/pax"u8.ToArray()), ("size", "10"u8.ToArray()), ("mtime", "5.25"u8.ToArray()), ("atime", "6.5"u8.ToArray()), ("gid", "9"u8.ToArray())] })
            .OldSparse("sparse-old", 100_000, [.. Enumerable.Range(0, 6).Select(i => (i * 10_000L, $"piece {i}"))])
            .PaxSparse("0.0", "sparse-0.0", 20_000, (10, "abc"), (9_000, "def"))
            .PaxSparse("0.1", "sparse-0.1", 20_000, (0, "abc"), (19_997, "def"))
            .PaxSparse("1.0", "sparse-1.0", 20_000, (5_000, "abc"), (20_000, ""))
            .SymbolicLink("escape", "../outside").SymbolicLink("absolute", "/../../outside")
            .File("escape/evil", "1").File("../../outside/evil", "2").HardLink("d/hard", "d/f").HardLink("d/hard-link", "escape")
            .Fifo("fifo").CharacterDevice("null", 1, 3).CharacterDevice("zero", 0, 0).Entry('4', "disk"u8, default, default, new() { Device = (7, 1) })
            .File([0xFF, (byte)'\n', 0xC3], [1])
            .Directory("escape/sub").Whiteout("escape/victim").Whiteout("d/f").Opaque("old-directory").Opaque("escape")
            .ToArray();
    }

    private static string Octal(long value, int digits) => Convert.ToString(value, 8).PadLeft(digits, '0');

    private static byte[] Padded(string content) => [.. Encoding.ASCII.GetBytes(content), .. new byte[-content.Length & (TarBuilder.BlockLength - 1)]];
}
