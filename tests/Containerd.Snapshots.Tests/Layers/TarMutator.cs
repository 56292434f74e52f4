using System.Globalization;
using System.Text;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>Makes archives that are wrong in ways that get past the checksum: header fields, records of extended headers, the order of entries, and raw bytes.</summary>
internal sealed class TarMutator(byte[] seed, Random random)
{
    private static readonly string[] Paths =
    [
        "..", "../outside/evil", "../../../../outside/evil", "/../outside/evil", "escape/evil", "escape/sub/evil", "absolute/evil", "escape", "d", "d/f", "d/", "d/../escape/evil", ".", "/", "",
        ".wh.d", "d/.wh.f", ".wh.", ".wh..", ".wh...", ".wh..wh..opq", "escape/.wh..wh..opq", "escape/.wh.victim", "./././d", "d//f", "a\nb", "\u00FF\u00FE", new string('n', 100), "proc/self/root/x",
    ];

    private static readonly string[] Numbers =
    [
        "0", "1", "7", "777", "7777", "177777", "77777777777", "00000000001", "-1", "8", "x", "", " ", "\u0080\0\0\0\0\0\0\u0001", "\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF",
        "\u0080\0\0\0\u007F\u00FF\u00FF\u00FF", "\u0080\0\0\0\0\0\0\0\0\0\u0002\0", "00000001000\0", "00000001001\0",
    ];

    private static readonly string[] Keys =
    [
        "path", "linkpath", "size", "uid", "gid", "mtime", "atime", "SCHILY.xattr.user.a", "SCHILY.xattr.trusted.overlay.opaque", "SCHILY.xattr.system.posix_acl_access", "SCHILY.xattr.",
        "LIBARCHIVE.xattr.user.%41", "SCHILY.xattr.user.overlay.opaque", "GNU.sparse.major", "GNU.sparse.minor", "GNU.sparse.name", "GNU.sparse.realsize", "GNU.sparse.size",
        "GNU.sparse.map", "GNU.sparse.offset", "GNU.sparse.numbytes", "comment", "",
    ];

    private static readonly (int Offset, int Length)[] NumberFields = [(100, 8), (108, 8), (116, 8), (124, 12), (136, 12), (329, 8), (337, 8), (386, 12), (398, 12), (410, 12), (483, 12)];

    private readonly List<byte[]> _parts = Split(seed);

    public byte[] Next()
    {
        var parts = new List<byte[]>(_parts.Select(part => part.ToArray()));
        for (int change = random.Next(1, 6); change > 0; change--)
            Change(parts);
        byte[] mutant = [.. parts.SelectMany(part => part)];
        if (random.Next(8) == 0 && mutant.Length > 0)
            mutant[random.Next(mutant.Length)] ^= (byte)(1 << random.Next(8));
        return random.Next(16) == 0 ? mutant[..random.Next(mutant.Length + 1)] : mutant;
    }

    private void Change(List<byte[]> parts)
    {
        int at = random.Next(parts.Count);
        byte[] part = parts[at];
        switch (random.Next(10))
        {
            case 0:
                parts.Insert(random.Next(parts.Count), part);
                break;
            case 1:
                if (parts.Count > 1)
                    parts.RemoveAt(at);
                break;
            case 2:
                int other = random.Next(parts.Count);
                (parts[at], parts[other]) = (parts[other], part);
                break;
            case 3:
                parts.Insert(at, new TarBuilder().Entry("xgLK"[random.Next(4)], "x"u8, default, Records()).ToArrayWithoutEnd());
                break;
            case 4:
                parts[at] = Records(part);
                break;
            case 5:
                EditHeader(part, 0, 100, Pick(Paths));
                break;
            case 6:
                EditHeader(part, 157, 100, Pick(Paths));
                break;
            case 7:
                EditHeader(part, 156, 1, "\001234567xgLKSVZ"[random.Next(14)].ToString());
                break;
            case 8:
                (int offset, int length) = NumberFields[random.Next(NumberFields.Length)];
                EditHeader(part, offset, length, Pick(Numbers));
                break;
            default:
                byte[] block = part.AsSpan(0, Math.Min(part.Length, TarBuilder.BlockLength)).ToArray();
                block[random.Next(block.Length)] = (byte)random.Next(256);
                EditHeader(part, 0, block.Length, Encoding.Latin1.GetString(block));
                break;
        }
    }

    private static void EditHeader(byte[] part, int offset, int length, string text)
    {
        if (part.Length < TarBuilder.BlockLength)
            return;
        part.AsSpan(offset, length).Clear();
        Encoding.Latin1.GetBytes(text[..Math.Min(text.Length, length)]).CopyTo(part, offset);
        TarBuilder.Seal(part.AsSpan(0, TarBuilder.BlockLength));
    }

    // An extended header with other records than it had, its size made right.
    private byte[] Records(byte[] part) => part.Length >= TarBuilder.BlockLength && part[156] is (byte)'x' or (byte)'g'
        ? new TarBuilder().Entry((char)part[156], "x"u8, default, [.. random.Next(2) == 0 ? Content(part) : [], .. Records()]).ToArrayWithoutEnd()
        : part;

    private byte[] Records()
    {
        byte[] records = TarBuilder.PaxRecords(Enumerable.Range(0, random.Next(4)).Select(_ => (Pick(Keys), Encoding.Latin1.GetBytes(Value()))));
        if (random.Next(6) == 0 && records.Length > 0)
            records[random.Next(records.Length)] = (byte)random.Next(256);
        return records;
    }

    private string Value() => random.Next(5) switch
    {
        0 => Pick(Paths),
        1 => Pick(Numbers),
        2 => string.Join(',', Enumerable.Range(0, random.Next(8)).Select(_ => random.Next(3000))),
        3 => (random.NextInt64() >> random.Next(64)).ToString(CultureInfo.InvariantCulture),
        _ => new string((char)random.Next(256), random.Next(300)),
    };

    private static ReadOnlySpan<byte> Content(byte[] part)
    {
        int length = Convert.ToInt32(Encoding.ASCII.GetString(part, 124, 11), 8);
        return part.AsSpan(TarBuilder.BlockLength, Math.Min(length, part.Length - TarBuilder.BlockLength));
    }

    private string Pick(string[] from) => from[random.Next(from.Length)];

    // Every header with what belongs to it. The seed is right, so that a block with a checksum is a header.
    private static List<byte[]> Split(byte[] archive)
    {
        var parts = new List<byte[]>();
        int start = 0;
        for (int at = TarBuilder.BlockLength; at <= archive.Length; at += TarBuilder.BlockLength)
        {
            if (at < archive.Length && !archive.AsSpan(at + 154, 2).SequenceEqual("\0 "u8))
                continue;
            parts.Add(archive[start..at]);
            start = at;
        }
        return parts;
    }
}
