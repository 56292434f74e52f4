using System.Buffers;
using System.Buffers.Text;

namespace Containerd.Snapshots;

/// <summary>Puts the records of an extended header together (POSIX.1-2001 pax): <c>LENGTH KEY=VALUE</c>, values as the bytes they are. One object for all entries.</summary>
internal sealed class PaxRecordWriter
{
    private const int MaxDigits = 20;

    private readonly ArrayBufferWriter<byte> _records = new(1024);

    public bool IsEmpty => _records.WrittenCount == 0;

    public ReadOnlySpan<byte> Records => _records.WrittenSpan;

    public void Clear() => _records.ResetWrittenCount();

    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Add(default, key, value);

    public void Add(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        // The length counts its own digits too.
        int rest = prefix.Length + key.Length + value.Length + 3;
        int length = rest + 1;
        while (length != rest + DigitsOf(length))
            length++;
        Span<byte> room = _records.GetSpan(length + MaxDigits);
        Utf8Formatter.TryFormat(length, room, out int at);
        room[at++] = (byte)' ';
        prefix.CopyTo(room[at..]);
        at += prefix.Length;
        key.CopyTo(room[at..]);
        at += key.Length;
        room[at++] = (byte)'=';
        value.CopyTo(room[at..]);
        room[at + value.Length] = (byte)'\n';
        _records.Advance(length);
    }

    public void Add(ReadOnlySpan<byte> key, long value)
    {
        Span<byte> digits = stackalloc byte[MaxDigits];
        Utf8Formatter.TryFormat(value, digits, out int length);
        Add(key, digits[..length]);
    }

    private static int DigitsOf(int number)
    {
        int digits = 1;
        for (; number >= 10; number /= 10)
            digits++;
        return digits;
    }
}
