using System.Globalization;
using System.Text;

namespace Containerd.Conformance;

/// <summary>
/// Writes archives byte by byte, wrong ones too: names, links and numbers go into the headers as they are given. Independent of any reader, so that a
/// mistake in one does not hide in the other.
/// </summary>
/// <remarks>Names too long for a ustar header go into a PAX record. Not thread-safe.</remarks>
/// <example>
/// <code>
/// byte[] archive = new TarBuilder().Directory("etc").File("etc/hostname", "box").Whiteout("etc/motd").ToArray();
/// </code>
/// </example>
public sealed class TarBuilder
{
    /// <summary>How many bytes a header has, and content is padded to: 512.</summary>
    public const int BlockLength = 512;

    private static readonly TarEntryOptions Defaults = new();

    private readonly List<byte> _archive = [];

    /// <summary>Adds a directory.</summary>
    /// <param name="name">Its name; a slash is added at the end where it lacks one.</param>
    /// <param name="options">The rest of the header.</param>
    public TarBuilder Directory(string name, TarEntryOptions? options = null) =>
        Entry('5', Bytes(name.EndsWith('/') ? name : name + "/"), default, default, options, 0x1ED);

    /// <summary>Adds a regular file.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="content">Its content, as UTF-8.</param>
    /// <param name="options">The rest of the header.</param>
    public TarBuilder File(string name, string content = "", TarEntryOptions? options = null) => File(Bytes(name), Bytes(content), options);

    /// <summary>Adds a regular file whose name is any bytes.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="content">Its content.</param>
    /// <param name="options">The rest of the header.</param>
    public TarBuilder File(byte[] name, byte[] content, TarEntryOptions? options = null) => Entry('0', name, default, content, options, 0x1A4);

    /// <summary>Adds a symbolic link.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="target">Where it leads.</param>
    /// <param name="options">The rest of the header.</param>
    public TarBuilder SymbolicLink(string name, string target, TarEntryOptions? options = null) =>
        Entry('2', Bytes(name), Bytes(target), default, options, 0x1FF);

    /// <summary>Adds a hard link.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="target">The name of the file it is.</param>
    /// <param name="options">The rest of the header.</param>
    public TarBuilder HardLink(string name, string target, TarEntryOptions? options = null) =>
        Entry('1', Bytes(name), Bytes(target), default, options, 0x1A4);

    /// <summary>Adds a fifo.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="options">The rest of the header.</param>
    public TarBuilder Fifo(string name, TarEntryOptions? options = null) => Entry('6', Bytes(name), default, default, options, 0x1A4);

    /// <summary>Adds a character device.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="major">Its major number.</param>
    /// <param name="minor">Its minor number.</param>
    public TarBuilder CharacterDevice(string name, long major, long minor) =>
        Entry('3', Bytes(name), default, default, new TarEntryOptions { Device = (major, minor) }, 0x1A4);

    /// <summary>Adds a whiteout: the empty file <c>.wh.NAME</c>.</summary>
    /// <param name="path">The path that is removed.</param>
    public TarBuilder Whiteout(string path)
    {
        int slash = path.LastIndexOf('/') + 1;
        return File($"{path[..slash]}.wh.{path[slash..]}");
    }

    /// <summary>Adds the marker that makes a directory opaque.</summary>
    /// <param name="directory">The directory's path; empty for the root.</param>
    public TarBuilder Opaque(string directory) => File(directory.Length == 0 ? ".wh..wh..opq" : $"{directory}/.wh..wh..opq");

    /// <summary>Adds an entry of any type.</summary>
    /// <param name="type">The type flag.</param>
    /// <param name="name">The name.</param>
    /// <param name="linkName">The link target.</param>
    /// <param name="content">The data behind the header.</param>
    /// <param name="options">The rest of the header.</param>
    /// <param name="defaultMode">The mode where the options give none.</param>
    /// <param name="size">The size the header claims; null for the content's.</param>
    public TarBuilder Entry(
        char type,
        ReadOnlySpan<byte> name,
        ReadOnlySpan<byte> linkName,
        ReadOnlySpan<byte> content,
        TarEntryOptions? options = null,
        int defaultMode = 0x1A4,
        long? size = null)
    {
        options ??= Defaults;
        var records = new List<(string Key, byte[] Value)>(options.Pax);
        if (name.Length > 100)
            records.Add(("path", name.ToArray()));
        if (linkName.Length > 100)
            records.Add(("linkpath", linkName.ToArray()));
        if (records.Count > 0)
            Block('x', "pax"u8, default, PaxRecords(records), Defaults, 0x1A4, null);
        return Block(type, name[..Math.Min(name.Length, 100)], linkName[..Math.Min(linkName.Length, 100)], content, options, options.Mode ?? defaultMode, size);
    }

    /// <summary>Adds bytes as they are.</summary>
    /// <param name="bytes">The bytes.</param>
    public TarBuilder Raw(ReadOnlySpan<byte> bytes)
    {
        _archive.AddRange(bytes);
        return this;
    }

    /// <summary>The archive with its end, two blocks of zeros.</summary>
    public byte[] ToArray() => [.. _archive, .. new byte[2 * BlockLength]];

    /// <summary>The entries only.</summary>
    public byte[] ToArrayWithoutEnd() => [.. _archive];

    /// <summary>The bytes of PAX records.</summary>
    /// <param name="records">Keys and values.</param>
    public static byte[] PaxRecords(IEnumerable<(string Key, byte[] Value)> records)
    {
        List<byte> bytes = [];
        foreach ((string key, byte[] value) in records)
        {
            byte[] rest = [(byte)' ', .. Bytes(key), (byte)'=', .. value, (byte)'\n'];
            int length = rest.Length + 1;
            while (length != rest.Length + length.ToString(CultureInfo.InvariantCulture).Length)
                length++;
            bytes.AddRange(Bytes(length.ToString(CultureInfo.InvariantCulture)));
            bytes.AddRange(rest);
        }
        return [.. bytes];
    }

    private TarBuilder Block(
        char type, ReadOnlySpan<byte> name, ReadOnlySpan<byte> linkName, ReadOnlySpan<byte> content, TarEntryOptions options, int mode, long? size)
    {
        byte[] header = new byte[BlockLength];
        name.CopyTo(header);
        Octal(mode, header.AsSpan(100, 8));
        Octal(options.Uid, header.AsSpan(108, 8));
        Octal(options.Gid, header.AsSpan(116, 8));
        Octal(size ?? content.Length, header.AsSpan(124, 12));
        Octal(options.ModifyTime, header.AsSpan(136, 12));
        header[156] = (byte)type;
        linkName.CopyTo(header.AsSpan(157));
        "ustar\000"u8.CopyTo(header.AsSpan(257));
        Octal(options.Device.Major, header.AsSpan(329, 8));
        Octal(options.Device.Minor, header.AsSpan(337, 8));
        Seal(header);
        _archive.AddRange(header);
        _archive.AddRange(content);
        _archive.AddRange(new byte[-content.Length & (BlockLength - 1)]);
        return this;
    }

    /// <summary>Puts the right checksum into a header.</summary>
    /// <param name="header">The block.</param>
    public static void Seal(Span<byte> header)
    {
        header.Slice(148, 8).Fill((byte)' ');
        int sum = 0;
        foreach (byte value in header)
            sum += value;
        Bytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(header[148..]);
    }

    // Numbers too large for octal go in base-256, as GNU tar writes them.
    private static void Octal(long value, Span<byte> field)
    {
        string digits = Convert.ToString(value, 8);
        if (value >= 0 && digits.Length < field.Length)
        {
            Bytes(digits.PadLeft(field.Length - 1, '0')).CopyTo(field);
            return;
        }
        for (int i = field.Length - 1; i >= 0; i--, value >>= 8)
            field[i] = (byte)value;
        field[0] |= 0x80;
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
