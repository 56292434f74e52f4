using System.Text;

namespace Containerd.Snapshots;

/// <summary>Fills in header blocks (POSIX.1-1988 ustar). A text or number that does not fit must be in a PAX record too, which readers prefer.</summary>
internal static class TarHeaderBlock
{
    public const int MaxNameLength = 100, MaxPrefixLength = 155;
    public const long MaxId = (1L << 21) - 1, MaxSize = (1L << 33) - 1; // seven and eleven octal digits

    public static ReadOnlySpan<byte> ExtendedHeaderDirectory => "PaxHeaders.0/"u8;

    /// <summary>Whether a text can be a link target in the header itself.</summary>
    public static bool Fits(ReadOnlySpan<byte> text) => text.Length <= MaxNameLength && Ascii.IsValid(text);

    /// <summary>Splits a name at a slash between the header's two fields for it.</summary>
    /// <param name="name">The name.</param>
    /// <param name="prefixLength">Where the slash is; zero where the name needs none.</param>
    /// <returns>False where it fits in no way.</returns>
    public static bool TrySplit(ReadOnlySpan<byte> name, out int prefixLength)
    {
        prefixLength = 0;
        if (!Ascii.IsValid(name))
            return false;
        if (name.Length <= MaxNameLength)
            return true;
        if (name.Length > MaxPrefixLength + 1 + MaxNameLength)
            return false;
        // The last slash that leaves something behind it: a directory's name ends with one.
        prefixLength = name[..Math.Min(MaxPrefixLength + 1, name.Length - 1)].LastIndexOf((byte)'/');
        return prefixLength > 0 && name.Length - prefixLength - 1 <= MaxNameLength;
    }

    public static void Fill(Span<byte> block, in TarMember member, ReadOnlySpan<byte> name, int prefixLength, ReadOnlySpan<byte> linkName)
    {
        block.Clear();
        if (prefixLength > 0)
        {
            name[..prefixLength].CopyTo(block[345..]);
            name = name[(prefixLength + 1)..];
        }
        CopyAscii(name, block[..MaxNameLength], member.Type == TarEntryType.Directory);
        CopyAscii(linkName, block.Slice(157, MaxNameLength), keepSlash: true);
        WriteOctal(block.Slice(100, 8), member.Mode);
        WriteOctal(block.Slice(108, 8), member.Uid <= MaxId ? member.Uid : 0);
        WriteOctal(block.Slice(116, 8), member.Gid <= MaxId ? member.Gid : 0);
        WriteOctal(block.Slice(124, 12), member.Size <= MaxSize ? member.Size : 0);
        WriteOctal(block.Slice(136, 12), member.ModifySeconds is >= 0 and <= MaxSize ? member.ModifySeconds : 0);
        WriteOctal(block.Slice(329, 8), member.DeviceMajor);
        WriteOctal(block.Slice(337, 8), member.DeviceMinor);
        Seal(block, TypeFlag(member.Type));
    }

    /// <summary>The block in front of PAX records. Nothing in it but the length and a name to recognise it by: no time, no process.</summary>
    public static void FillExtended(Span<byte> block, int length, ReadOnlySpan<byte> name)
    {
        block.Clear();
        ExtendedHeaderDirectory.CopyTo(block);
        name = name.TrimEnd((byte)'/');
        CopyAscii(name[(name.LastIndexOf((byte)'/') + 1)..], block[ExtendedHeaderDirectory.Length..MaxNameLength], keepSlash: false);
        WriteOctal(block.Slice(100, 8), 0x1A4 /* 0644 */);
        WriteOctal(block.Slice(108, 8), 0);
        WriteOctal(block.Slice(116, 8), 0);
        WriteOctal(block.Slice(124, 12), length);
        WriteOctal(block.Slice(136, 12), 0);
        Seal(block, (byte)'x');
    }

    private static void Seal(Span<byte> block, byte typeFlag)
    {
        block[156] = typeFlag;
        "ustar\000"u8.CopyTo(block[257..]);
        block.Slice(148, 8).Fill((byte)' '); // the sum counts its own field as spaces
        int sum = 0;
        foreach (byte value in block)
            sum += value;
        WriteOctal(block.Slice(148, 7), sum);
    }

    // A name that is whole in a PAX record only; what is here is for people who look. Old readers take whatever ends in a slash for a directory.
    private static void CopyAscii(ReadOnlySpan<byte> text, Span<byte> field, bool keepSlash)
    {
        int length = Math.Min(text.Length, field.Length);
        for (int i = 0; i < length; i++)
            field[i] = text[i] < 0x80 ? text[i] : (byte)'_';
        if (!keepSlash)
        {
            while (length > 0 && field[length - 1] == '/')
                field[--length] = 0;
        }
    }

    // As many digits as fit before the NUL at the end. A device number may be larger than seven digits hold: base 256 then, as GNU and star have it.
    private static void WriteOctal(Span<byte> field, long value)
    {
        if (field.Length < 12 && value >> (3 * (field.Length - 1)) != 0)
        {
            for (int i = field.Length - 1; i >= 0; i--, value >>= 8)
                field[i] = (byte)value;
            field[0] |= 0x80;
            return;
        }
        for (int i = field.Length - 2; i >= 0; i--, value >>= 3)
            field[i] = (byte)('0' + (value & 7));
        field[^1] = 0;
    }

    private static byte TypeFlag(TarEntryType type) => type switch
    {
        TarEntryType.HardLink => (byte)'1',
        TarEntryType.SymbolicLink => (byte)'2',
        TarEntryType.CharacterDevice => (byte)'3',
        TarEntryType.BlockDevice => (byte)'4',
        TarEntryType.Directory => (byte)'5',
        TarEntryType.Fifo => (byte)'6',
        _ => (byte)'0',
    };
}
