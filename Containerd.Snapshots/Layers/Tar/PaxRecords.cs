using System.Buffers;
using System.Buffers.Text;

namespace Containerd.Snapshots;

/// <summary>The records of an extended header (POSIX.1-2001 pax), taken apart without making strings. Of duplicates the last wins.</summary>
internal sealed class PaxRecords
{
    private readonly List<(Range Name, Range Value)> _xattrs = [];
    private readonly ArrayBufferWriter<byte> _text = new();

    public Range? Path { get; private set; }

    public Range? LinkPath { get; private set; }

    public Range? SparseName { get; private set; }

    public Range? SparseList { get; private set; }

    public long? Size { get; private set; }

    public long? Uid { get; private set; }

    public long? Gid { get; private set; }

    public Interop.FileTime? ModifyTime { get; private set; }

    public Interop.FileTime? AccessTime { get; private set; }

    public long? SparseRealSize { get; private set; }

    public bool IsSparseOne { get; private set; }

    /// <summary>The pieces of PAX sparse 0.0, which come as records of their own.</summary>
    public List<(long Offset, long Length)> SparsePieces { get; } = [];

    public bool IsSparse => IsSparseOne || SparseList is not null || SparsePieces.Count > 0 || SparseRealSize is not null;

    public int XattrCount => _xattrs.Count;

    private long? _pendingOffset;

    public void Clear()
    {
        if (_text.WrittenCount == 0)
            return;
        _xattrs.Clear();
        _text.ResetWrittenCount();
        SparsePieces.Clear();
        Path = LinkPath = SparseName = SparseList = null;
        Size = Uid = Gid = SparseRealSize = _pendingOffset = null;
        ModifyTime = AccessTime = null;
        IsSparseOne = false;
    }

    public ReadOnlySpan<byte> Text(Range range) => _text.WrittenSpan[range];

    /// <summary>The name of an attribute, and its value as bytes.</summary>
    public void Xattr(int index, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        (Range nameRange, Range valueRange) = _xattrs[index];
        name = Text(nameRange);
        value = Text(valueRange);
    }

    /// <summary>Takes the records of a header apart.</summary>
    /// <param name="records">The whole of them.</param>
    /// <param name="global">Whether they hold for all that follows; a path, link or size, which cannot, is then left out.</param>
    public void Parse(ReadOnlySpan<byte> records, bool global)
    {
        while (!records.IsEmpty)
        {
            // "LENGTH KEY=VALUE\n", where the length counts the whole record; values are arbitrary bytes, newlines too.
            int space = records.IndexOf((byte)' ');
            if (space is <= 0 or > 10 || !Utf8Parser.TryParse(records[..space], out int length, out int used) || used != space
                || length <= space + 1 || length > records.Length || records[length - 1] != '\n')
            {
                throw TarError.Damaged("a PAX record is malformed");
            }
            ReadOnlySpan<byte> record = records[(space + 1)..(length - 1)];
            int equals = record.IndexOf((byte)'=');
            if (equals <= 0)
                throw TarError.Damaged("a PAX record has no key");
            Take(record[..equals], record[(equals + 1)..], global);
            records = records[length..];
        }
    }

    private void Take(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, bool global)
    {
        if (key.StartsWith("SCHILY.xattr."u8))
            _xattrs.Add((Store(key["SCHILY.xattr."u8.Length..]), Store(value)));
        else if (key.StartsWith("LIBARCHIVE.xattr."u8))
            TakeLibarchive(key["LIBARCHIVE.xattr."u8.Length..], value);
        else if (key.SequenceEqual("mtime"u8))
            ModifyTime = value.IsEmpty ? null : Keep(TarNumber.ParseTime(value, "mtime"));
        else if (key.SequenceEqual("atime"u8))
            AccessTime = value.IsEmpty ? null : Keep(TarNumber.ParseTime(value, "atime"));
        else if (key.SequenceEqual("uid"u8))
            Uid = value.IsEmpty ? null : Keep(TarNumber.ParseDecimal(value, "uid"));
        else if (key.SequenceEqual("gid"u8))
            Gid = value.IsEmpty ? null : Keep(TarNumber.ParseDecimal(value, "gid"));
        else if (!global)
            TakeLocal(key, value);
    }

    private void TakeLocal(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (key.SequenceEqual("path"u8))
            Path = value.IsEmpty ? null : Store(value);
        else if (key.SequenceEqual("linkpath"u8))
            LinkPath = value.IsEmpty ? null : Store(value);
        else if (key.SequenceEqual("size"u8))
            Size = value.IsEmpty ? null : Keep(TarNumber.ParseDecimal(value, "size"));
        else if (key.StartsWith("GNU.sparse."u8))
            TakeSparse(key["GNU.sparse."u8.Length..], value);
    }

    private void TakeSparse(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (key.SequenceEqual("major"u8))
        {
            if (Keep(TarNumber.ParseDecimal(value, "GNU.sparse.major")) > 1)
                throw TarError.Damaged("a sparse file has an unknown format");
            IsSparseOne = value.SequenceEqual("1"u8);
        }
        else if (key.SequenceEqual("name"u8))
            SparseName = Store(value);
        else if (key.SequenceEqual("size"u8) || key.SequenceEqual("realsize"u8))
            SparseRealSize = Keep(TarNumber.ParseDecimal(value, "GNU.sparse.size"));
        else if (key.SequenceEqual("map"u8))
            SparseList = Store(value);
        else if (key.SequenceEqual("offset"u8))
            _pendingOffset = Keep(TarNumber.ParseDecimal(value, "GNU.sparse.offset"));
        else if (key.SequenceEqual("numbytes"u8))
        {
            SparsePieces.Add((_pendingOffset ?? throw TarError.Damaged("a sparse map is out of order"), TarNumber.ParseDecimal(value, "GNU.sparse.numbytes")));
            _pendingOffset = null;
        }
    }

    // bsdtar: the name percent-encoded, the value in base64 without padding.
    private void TakeLibarchive(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        int start = _text.WrittenCount;
        for (int i = 0; i < name.Length; i++)
        {
            byte next = name[i];
            if (next == '%' && i + 2 < name.Length && Utf8Parser.TryParse(name.Slice(i + 1, 2), out byte code, out int used, 'x') && used == 2)
            {
                next = code;
                i += 2;
            }
            _text.GetSpan(1)[0] = next;
            _text.Advance(1);
        }
        Range decodedName = start.._text.WrittenCount;

        ReadOnlySpan<byte> digits = value.TrimEnd((byte)'=');
        Span<byte> last = stackalloc byte[4];
        last.Fill((byte)'=');
        int whole = digits.Length & ~3;
        digits[whole..].CopyTo(last);
        Span<byte> room = _text.GetSpan(digits.Length + 4);
        int lastLength = 0;
        if (Base64.DecodeFromUtf8(digits[..whole], room, out _, out int length) != OperationStatus.Done
            || (whole < digits.Length && Base64.DecodeFromUtf8(last, room[length..], out _, out lastLength) != OperationStatus.Done))
        {
            throw TarError.Damaged("an extended attribute is not valid base64");
        }
        start = _text.WrittenCount;
        _text.Advance(length + lastLength);
        _xattrs.Add((decodedName, start.._text.WrittenCount));
    }

    private Range Store(ReadOnlySpan<byte> text)
    {
        int start = _text.WrittenCount;
        _text.Write(text);
        return start.._text.WrittenCount;
    }

    // Marks the records as not empty, which is how Clear knows that there is something to clear.
    private T Keep<T>(T value)
    {
        if (_text.WrittenCount == 0)
            Store("\0"u8);
        return value;
    }
}
