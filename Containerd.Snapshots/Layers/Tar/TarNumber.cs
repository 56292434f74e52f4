using System.Buffers.Text;

namespace Containerd.Snapshots;

/// <summary>The numbers of archives: octal or base-256 in headers, decimal in PAX records.</summary>
internal static class TarNumber
{
    /// <summary>Parses a header's field: octal digits with spaces or zero bytes around them, and anything behind the first zero byte, as Go does. An empty field is zero.</summary>
    public static long ParseField(ReadOnlySpan<byte> field)
    {
        if ((field[0] & 0x80) != 0)
            return ParseBase256(field);
        field = field.TrimStart(" \0"u8);
        int end = field.IndexOf((byte)0);
        field = (end < 0 ? field : field[..end]).TrimEnd((byte)' ');
        long value = 0;
        foreach (byte digit in field)
        {
            if (digit is < (byte)'0' or > (byte)'7' || value > long.MaxValue >> 3)
                throw TarError.Damaged("a number in a header is malformed");
            value = (value << 3) | (uint)(digit - '0');
        }
        return value;
    }

    /// <summary>Parses a non-negative decimal number.</summary>
    public static long ParseDecimal(ReadOnlySpan<byte> text, string key)
    {
        if (text.IsEmpty || text.IndexOfAnyExceptInRange((byte)'0', (byte)'9') >= 0 || !Utf8Parser.TryParse(text, out long value, out int used) || used != text.Length)
            throw TarError.Damaged($"the PAX record {key} is not a number");
        return value;
    }

    /// <summary>Parses a time: decimal seconds since 1970, maybe negative, maybe with a fraction, of which nine digits count.</summary>
    public static Interop.FileTime ParseTime(ReadOnlySpan<byte> text, string key)
    {
        bool negative = text.StartsWith("-"u8);
        if (negative)
            text = text[1..];
        int point = text.IndexOf((byte)'.');
        ReadOnlySpan<byte> fraction = point < 0 ? default : text[(point + 1)..];
        if (point >= 0)
            text = text[..point];
        long seconds = ParseDecimal(text, key);
        if (fraction.IndexOfAnyExceptInRange((byte)'0', (byte)'9') >= 0)
            throw TarError.Damaged($"the PAX record {key} is not a time");
        int nanoseconds = 0;
        for (int i = 0; i < 9; i++)
            nanoseconds = (nanoseconds * 10) + (i < fraction.Length ? fraction[i] - '0' : 0);
        if (!negative)
            return new Interop.FileTime(seconds, nanoseconds);
        return nanoseconds == 0 ? new Interop.FileTime(-seconds, 0) : new Interop.FileTime(-seconds - 1, 1_000_000_000 - nanoseconds);
    }

    // Two's complement, big-endian; the top bit only marks the encoding, the next is the sign (GNU tar, star).
    private static long ParseBase256(ReadOnlySpan<byte> field)
    {
        bool negative = (field[0] & 0x40) != 0;
        byte sign = negative ? (byte)0xFF : (byte)0;
        long value = negative ? -1 : 0;
        for (int i = 0; i < field.Length; i++)
        {
            byte digit = i == 0 ? (byte)(negative ? field[0] | 0x80 : field[0] & 0x7F) : field[i];
            if (field.Length - i > 8 && digit != sign)
                throw TarError.Damaged("a number in a header is too large");
            value = (value << 8) | digit;
        }
        if (value < 0 != negative)
            throw TarError.Damaged("a number in a header is too large");
        return value;
    }
}
