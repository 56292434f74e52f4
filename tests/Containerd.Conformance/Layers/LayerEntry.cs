using System.Globalization;
using System.Text;

namespace Containerd.Conformance;

/// <summary>An entry of a layer, read by a reader of its own: nothing here is shared with any implementation.</summary>
/// <param name="Name">The name as the archive has it, each byte a character.</param>
/// <param name="Type">The type flag.</param>
/// <param name="Mode">Permission bits with set-id and sticky bits.</param>
/// <param name="Uid">The owner's number.</param>
/// <param name="Gid">The group's number.</param>
/// <param name="ModifyTime">The modification time as the archive has it, in seconds since 1970.</param>
/// <param name="LinkName">A link's target.</param>
/// <param name="Device">A device's numbers, <c>MAJOR:MINOR</c>; empty for all else.</param>
/// <param name="Content">The data, each byte a character.</param>
/// <param name="Pax">The records of its extended header, in order, each <c>KEY=VALUE</c>.</param>
public sealed record LayerEntry(
    string Name, char Type, int Mode, long Uid, long Gid, string ModifyTime, string LinkName, string Device, string Content, IReadOnlyList<string> Pax)
{
    /// <summary>
    /// The entry in the notation of expected layers: <c>dir/</c>, <c>file=content</c>, <c>soft->target</c>, <c>hard=>first</c>, <c>p:fifo</c>,
    /// <c>c:null</c>, <c>-gone</c> for a whiteout, <c>-dir/*</c> for an opaque directory.
    /// </summary>
    public override string ToString()
    {
        int leaf = Name.LastIndexOf('/') + 1;
        if (Name[leaf..] == ".wh..wh..opq")
            return $"-{Name[..leaf]}*";
        if (Name[leaf..].StartsWith(".wh.", StringComparison.Ordinal))
            return $"-{Name[..leaf]}{Name[(leaf + 4)..]}";
        return Type switch
        {
            '0' => $"{Name}={Content}",
            '1' => $"{Name}=>{LinkName}",
            '2' => $"{Name}->{LinkName}",
            '3' => $"c:{Name}",
            '4' => $"b:{Name}",
            '6' => $"p:{Name}",
            _ => Name,
        };
    }

    /// <summary>Reads an uncompressed layer, and checks that each header has its checksum and the archive its end.</summary>
    /// <param name="archive">The layer.</param>
    public static IReadOnlyList<LayerEntry> ReadAll(ReadOnlySpan<byte> archive)
    {
        var entries = new List<LayerEntry>();
        IReadOnlyList<string> pax = [];
        while (archive[0] != 0)
        {
            byte[] block = archive[..TarBuilder.BlockLength].ToArray();
            TarBuilder.Seal(block);
            Assert.That(block, Is.EqualTo(archive[..TarBuilder.BlockLength].ToArray()), "the checksum of a header");
            string header = Encoding.Latin1.GetString(block);
            long length = Find(pax, "size") is { } size ? Number(size) : Octal(header[124..136]);
            byte[] data = archive.Slice(TarBuilder.BlockLength, (int)length).ToArray();
            archive = archive[(TarBuilder.BlockLength + (int)length + (int)(-length & (TarBuilder.BlockLength - 1)))..];
            if (header[156] == 'x')
            {
                pax = Records(data);
                continue;
            }
            Assert.That(header[265..329].Trim('\0'), Is.Empty, "names of users");
            entries.Add(Of(header, pax, Encoding.Latin1.GetString(data)));
            pax = [];
        }
        Assert.That(archive.Length, Is.EqualTo(2 * TarBuilder.BlockLength), "the end");
        Assert.That(archive.ContainsAnyExcept((byte)0), Is.False, "the end");
        return entries;
    }

    private static LayerEntry Of(string header, IReadOnlyList<string> pax, string content)
    {
        string prefix = Text(header[345..500]);
        string name = (prefix.Length == 0 ? "" : prefix + "/") + Text(header[..100]);
        return new LayerEntry(
            Find(pax, "path") ?? name,
            header[156],
            (int)Octal(header[100..108]),
            Find(pax, "uid") is { } uid ? Number(uid) : Octal(header[108..116]),
            Find(pax, "gid") is { } gid ? Number(gid) : Octal(header[116..124]),
            Find(pax, "mtime") ?? Octal(header[136..148]).ToString(CultureInfo.InvariantCulture),
            Find(pax, "linkpath") ?? Text(header[157..257]),
            header[156] is '3' or '4' ? $"{Octal(header[329..337])}:{Octal(header[337..345])}" : "",
            content,
            pax);
    }

    private static List<string> Records(ReadOnlySpan<byte> data)
    {
        var records = new List<string>();
        while (!data.IsEmpty)
        {
            int space = data.IndexOf((byte)' ');
            int length = int.Parse(data[..space], CultureInfo.InvariantCulture);
            Assert.That(data[length - 1], Is.EqualTo((byte)'\n'), "the end of a record");
            records.Add(Encoding.Latin1.GetString(data[(space + 1)..(length - 1)]));
            data = data[length..];
        }
        return records;
    }

    private static string? Find(IEnumerable<string> pax, string key) =>
        pax.LastOrDefault(record => record.StartsWith(key + "=", StringComparison.Ordinal))?[(key.Length + 1)..];

    private static string Text(string field) => field.Split('\0')[0];

    private static long Octal(string field) => Convert.ToInt64(field.Trim('\0', ' '), 8);

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
