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

    /// <summary>Whether one of the attributes is an ACL that came as text.</summary>
    public bool HasAclText { get; private set; }

    /// <summary>Whether there was an ACL of somebody whom only a name tells, which is left out.</summary>
    public bool HasUnknownAcl { get; private set; }

    private long? _pendingOffset;

    /// <summary>Forgets everything, and begins with what global records say: an empty value of the same key takes it back.</summary>
    public void Reset(PaxRecords? global = null)
    {
        _xattrs.Clear();
        _text.ResetWrittenCount();
        SparsePieces.Clear();
        Path = LinkPath = SparseName = SparseList = null;
        Size = SparseRealSize = _pendingOffset = null;
        Uid = global?.Uid;
        Gid = global?.Gid;
        ModifyTime = global?.ModifyTime;
        AccessTime = global?.AccessTime;
        IsSparseOne = HasAclText = HasUnknownAcl = false;
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
    /// <param name="global">Whether they hold for all that follows; a path, link, size or attribute, which is one file's, is then left out.</param>
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
        if (key.SequenceEqual("mtime"u8))
            ModifyTime = value.IsEmpty ? null : TarNumber.ParseTime(value, "mtime");
        else if (key.SequenceEqual("atime"u8))
            AccessTime = value.IsEmpty ? null : TarNumber.ParseTime(value, "atime");
        else if (key.SequenceEqual("uid"u8))
            Uid = value.IsEmpty ? null : TarNumber.ParseDecimal(value, "uid");
        else if (key.SequenceEqual("gid"u8))
            Gid = value.IsEmpty ? null : TarNumber.ParseDecimal(value, "gid");
        else if (!global)
            TakeLocal(key, value);
    }

    private void TakeLocal(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (key.StartsWith("SCHILY.xattr."u8))
            _xattrs.Add((StoreGnuName(key["SCHILY.xattr."u8.Length..]), Store(value)));
        else if (key.StartsWith("LIBARCHIVE.xattr."u8))
            TakeLibarchive(key["LIBARCHIVE.xattr."u8.Length..], value);
        else if (key.SequenceEqual("SCHILY.acl.access"u8))
            TakeAcl("system.posix_acl_access"u8, value);
        else if (key.SequenceEqual("SCHILY.acl.default"u8))
            TakeAcl("system.posix_acl_default"u8, value);
        else if (key.SequenceEqual("path"u8))
            Path = value.IsEmpty ? null : Store(value);
        else if (key.SequenceEqual("linkpath"u8))
            LinkPath = value.IsEmpty ? null : Store(value);
        else if (key.SequenceEqual("size"u8))
            Size = value.IsEmpty ? null : TarNumber.ParseDecimal(value, "size");
        else if (key.StartsWith("GNU.sparse."u8))
            TakeSparse(key["GNU.sparse."u8.Length..], value);
    }

    private void TakeSparse(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (key.SequenceEqual("major"u8))
        {
            if (TarNumber.ParseDecimal(value, "GNU.sparse.major") > 1)
                throw TarError.Damaged("a sparse file has an unknown format");
            IsSparseOne = value.SequenceEqual("1"u8);
        }
        else if (key.SequenceEqual("name"u8))
            SparseName = Store(value);
        else if (key.SequenceEqual("size"u8) || key.SequenceEqual("realsize"u8))
            SparseRealSize = TarNumber.ParseDecimal(value, "GNU.sparse.size");
        else if (key.SequenceEqual("map"u8))
            SparseList = Store(value);
        else if (key.SequenceEqual("offset"u8))
            _pendingOffset = TarNumber.ParseDecimal(value, "GNU.sparse.offset");
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

    private void TakeAcl(ReadOnlySpan<byte> name, ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty)
            return;
        Range stored = Store(name);
        int start = _text.WrittenCount;
        if (AclText.TryConvert(text, _text))
        {
            _xattrs.Add((stored, start.._text.WrittenCount));
            HasAclText = true;
        }
        else
            HasUnknownAcl = true;
    }

    // GNU tar writes the equals sign that would end the key as %3D, and the percent sign as %25 (xattr_encode_keyword); others write neither.
    private Range StoreGnuName(ReadOnlySpan<byte> name)
    {
        int start = _text.WrittenCount;
        for (int percent; (percent = name.IndexOf((byte)'%')) >= 0;)
        {
            _text.Write(name[..percent]);
            name = name[percent..];
            int length = name.StartsWith("%3D"u8) || name.StartsWith("%25"u8) ? 3 : 1;
            _text.Write(length == 1 ? "%"u8 : name[1] == '3' ? "="u8 : "%"u8);
            name = name[length..];
        }
        _text.Write(name);
        return start.._text.WrittenCount;
    }

    private Range Store(ReadOnlySpan<byte> text)
    {
        int start = _text.WrittenCount;
        _text.Write(text);
        return start.._text.WrittenCount;
    }
}
