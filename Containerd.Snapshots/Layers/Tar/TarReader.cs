using System.Buffers;
using System.Runtime.CompilerServices;

namespace Containerd.Snapshots;

/// <summary>Reads an archive forward, entry by entry, from blocks of bytes; names and attributes stay bytes.</summary>
/// <remarks>
/// <para>Understands v7, ustar with prefix, GNU (long names, base-256 numbers, old sparse files), star and PAX (extended and global headers, sparse
/// 0.0, 0.1 and 1.0). A global header holds for times and owners of what follows; a path, link target, size or attribute in it is left out. Of
/// several headers of one kind before an entry the last holds.</para>
/// <para>An archive ends at its two blocks of zeros, or at the end of the stream behind an entry's content, as for Go's archive/tar; a stream that ends
/// anywhere else is damaged.</para>
/// </remarks>
internal sealed class TarReader(BlockReader input, LayerLimits limits)
{
    private const int MaxXattrValueBytes = 64 << 10; // linux/limits.h XATTR_SIZE_MAX

    private readonly PaxRecords _global = new();
    private readonly PaxRecords _local = new();
    private readonly SparseMap _sparse = new();
    private readonly ArrayBufferWriter<byte> _longName = new();
    private readonly ArrayBufferWriter<byte> _longLink = new();
    private readonly byte[] _block = new byte[TarHeader.Length];
    private TarEntry? _entry;
    private long _data;
    private long _padding;
    private long _files;

    /// <summary>The number of entries read.</summary>
    public long Entries { get; private set; }

    /// <summary>The bytes of the current entry that are not read yet.</summary>
    public long Remaining => _data;

    /// <summary>Goes to the next entry; null at the end of the archive.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<TarEntry?> ReadEntryAsync(CancellationToken cancellationToken)
    {
        if (_data > 0 && !await input.SkipAsync(_data, cancellationToken).ConfigureAwait(false))
            throw TarError.Truncated();
        bool ended = _padding > 0 && !await input.SkipAsync(_padding, cancellationToken).ConfigureAwait(false);
        _data = _padding = 0;
        if (ended)
            return null;
        _local.Reset(_global);
        _longName.ResetWrittenCount();
        _longLink.ResetWrittenCount();
        _entry ??= new TarEntry { Xattrs = _local };
        bool extended = false;
        while (true)
        {
            if (!await ReadBlockAsync(cancellationToken).ConfigureAwait(false))
                return extended ? throw TarError.Truncated() : null;
            if (IsZero(_block))
            {
                if (extended)
                    throw TarError.Damaged("it ends behind an extended header");
                if (await ReadBlockAsync(cancellationToken).ConfigureAwait(false) && !IsZero(_block))
                    throw TarError.Damaged("there is a block of zeros between entries");
                return null;
            }
            byte type = new TarHeader(_block).TypeFlag;
            if (type is not ((byte)'x' or (byte)'g' or (byte)'L' or (byte)'K'))
                break;
            await ReadExtensionAsync(type, cancellationToken).ConfigureAwait(false);
            extended |= type != 'g';
            if (!extended)
                _local.Reset(_global);
        }
        if (++Entries > limits.MaxEntries)
            throw ExpansionGuard.Exceeded(nameof(LayerLimits.MaxEntries), limits.MaxEntries, $"it has more than {limits.MaxEntries} entries");

        bool oldSparse = Fill(_entry);
        if (oldSparse)
            await ReadOldSparseAsync(_entry, cancellationToken).ConfigureAwait(false);
        else if (_local.IsSparse)
            await ReadPaxSparseAsync(_entry, cancellationToken).ConfigureAwait(false);
        CountSize(_entry);
        return _entry;
    }

    /// <summary>Makes sure that bytes of the current entry are at hand; false when all are read.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        if (_data == 0)
            return false;
        return await input.FillAsync(cancellationToken).ConfigureAwait(false) ? true : throw TarError.Truncated();
    }

    /// <summary>The bytes of the current entry that are at hand.</summary>
    public ReadOnlySpan<byte> Data => input.Span[..(int)Math.Min(input.Span.Length, _data)];

    public void Advance(int count)
    {
        input.Advance(count);
        _data -= count;
    }

    // Puts header and extended header together; says whether an old GNU sparse map follows.
    private bool Fill(TarEntry entry)
    {
        var header = new TarHeader(_block);
        ReadOnlySpan<byte> path = _local.SparseName is { } sparse ? _local.Text(sparse) : _local.Path is { } given ? _local.Text(given) : _longName.WrittenSpan;
        entry.SetName(path.IsEmpty ? header.Prefix : default, path.IsEmpty ? header.Name : path);
        ReadOnlySpan<byte> link = _local.LinkPath is { } target ? _local.Text(target) : _longLink.WrittenSpan;
        entry.SetLinkName(link.IsEmpty ? header.LinkName : link);
        CheckText(entry.Name, entry.Name.Length - WhiteoutWriter.MarkerLength(entry.Name), "path");
        CheckText(entry.LinkName, entry.LinkName.Length, "link target");

        entry.Type = TypeOf(header.TypeFlag, entry.Name);
        entry.Sparse = null;
        entry.Mode = header.Mode;
        entry.Uid = Owner(_local.Uid ?? header.Uid, entry.Name);
        entry.Gid = Owner(_local.Gid ?? header.Gid, entry.Name);
        entry.ModifyTime = _local.ModifyTime ?? new Interop.FileTime(header.ModifyTime, 0);
        entry.AccessTime = _local.AccessTime ?? new Interop.FileTime(long.MinValue, 0);
        bool device = entry.Type is TarEntryType.CharacterDevice or TarEntryType.BlockDevice;
        entry.DeviceMajor = device ? Device(header.DeviceMajor, entry.Name) : 0;
        entry.DeviceMinor = device ? Device(header.DeviceMinor, entry.Name) : 0;
        CheckXattrs(entry);

        long size = _local.Size ?? header.Size;
        if (size is < 0 or > long.MaxValue - TarHeader.Length)
            throw TarError.Damaged("an entry has an impossible size");
        // A type without data has none behind its header, whatever its size says: as in GNU tar and Go.
        _data = entry.Type == TarEntryType.RegularFile ? size : 0;
        _padding = -_data & (TarHeader.Length - 1);
        entry.StoredSize = _data;
        return header.TypeFlag == 'S';
    }

    private static TarEntryType TypeOf(byte flag, ReadOnlySpan<byte> name) => flag switch
    {
        0 when name.EndsWith("/"u8) => TarEntryType.Directory, // v7 had no other way to say so
        0 or (byte)'0' or (byte)'7' or (byte)'S' => TarEntryType.RegularFile,
        (byte)'1' => TarEntryType.HardLink,
        (byte)'2' => TarEntryType.SymbolicLink,
        (byte)'3' => TarEntryType.CharacterDevice,
        (byte)'4' => TarEntryType.BlockDevice,
        (byte)'5' => TarEntryType.Directory,
        (byte)'6' => TarEntryType.Fifo,
        _ => throw TarError.Unsupported($"entries of type 0x{flag:x2} are unknown", name),
    };

    // One below the largest: the largest means "leave it as it is" to the kernel.
    private static uint Owner(long id, ReadOnlySpan<byte> name) =>
        id is >= 0 and < uint.MaxValue ? (uint)id : throw TarError.Invalid($"no owner can have the number {id}", name);

    private static uint Device(long number, ReadOnlySpan<byte> name) =>
        number is >= 0 and <= uint.MaxValue ? (uint)number : throw TarError.Invalid($"no device can have the number {number}", name);

    private void CheckText(ReadOnlySpan<byte> text, int length, string what)
    {
        if (text.Contains((byte)0))
            throw TarError.Invalid($"its {what} holds a zero byte", text);
        if (length > limits.MaxPathBytes)
            throw ExpansionGuard.Exceeded(nameof(LayerLimits.MaxPathBytes), limits.MaxPathBytes, $"an entry has a {what} of {length} bytes");
    }

    private void CheckXattrs(TarEntry entry)
    {
        long bytes = 0;
        for (int i = 0; i < entry.Xattrs.XattrCount; i++)
        {
            entry.Xattrs.Xattr(i, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value);
            bytes += name.Length + value.Length;
            // To the kernel the name would end there, and be another one.
            if (name.Contains((byte)0))
                throw TarError.Invalid("the name of an extended attribute holds a zero byte", entry.Name);
            if (value.Length > MaxXattrValueBytes)
                throw TarError.Invalid($"an extended attribute has {value.Length} bytes, more than the {MaxXattrValueBytes} that the kernel keeps", entry.Name);
        }
        if (bytes > limits.MaxXattrBytes)
            throw ExpansionGuard.Exceeded(nameof(LayerLimits.MaxXattrBytes), limits.MaxXattrBytes, $"an entry has {bytes} bytes of extended attributes");
    }

    private void CountSize(TarEntry entry)
    {
        long size = entry.Sparse?.RealSize ?? entry.StoredSize;
        if (size > limits.MaxExpandedBytes - _files)
            throw ExpansionGuard.Exceeded(nameof(LayerLimits.MaxExpandedBytes), limits.MaxExpandedBytes, "its files are too large together");
        _files += size;
    }

    private async ValueTask ReadExtensionAsync(byte type, CancellationToken cancellationToken)
    {
        long size = new TarHeader(_block).Size;
        bool records = type is (byte)'x' or (byte)'g';
        int limit = records ? limits.MaxPaxBytes : limits.MaxPathBytes + 1; // GNU counts the zero at the end
        string name = records ? nameof(LayerLimits.MaxPaxBytes) : nameof(LayerLimits.MaxPathBytes);
        if (size < 0)
            throw TarError.Damaged("an extended header has an impossible size");
        if (size > limit)
            throw ExpansionGuard.Exceeded(name, limit, $"an extended header has {size} bytes");
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)size + TarHeader.Length);
        try
        {
            int padded = (int)size + (int)(-size & (TarHeader.Length - 1));
            if (await input.ReadAsync(buffer.AsMemory(0, padded), cancellationToken).ConfigureAwait(false) < padded)
                throw TarError.Truncated();
            Take(type, buffer.AsSpan(0, (int)size));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void Take(byte type, ReadOnlySpan<byte> content)
    {
        switch (type)
        {
            case (byte)'x':
                _local.Reset(_global); // so that many of them cannot pile up
                _local.Parse(content, global: false);
                break;
            case (byte)'g':
                _global.Reset();
                _global.Parse(content, global: true);
                break;
            default:
                int end = content.IndexOf((byte)0);
                ArrayBufferWriter<byte> text = type == 'L' ? _longName : _longLink;
                text.ResetWrittenCount();
                text.Write(end < 0 ? content : content[..end]);
                break;
        }
    }

    private async ValueTask ReadOldSparseAsync(TarEntry entry, CancellationToken cancellationToken)
    {
        _sparse.Clear();
        _sparse.RealSize = new TarHeader(_block).SparseRealSize;
        _sparse.AddHeaderPieces(new TarHeader(_block).SparsePieces);
        bool more = new TarHeader(_block).HasMoreSparsePieces;
        for (int read = 0; more; read += TarHeader.Length)
        {
            CheckMapLength(read);
            if (!await ReadBlockAsync(cancellationToken).ConfigureAwait(false))
                throw TarError.Truncated();
            _sparse.AddHeaderPieces(_block.AsSpan(0, 21 * SparseMap.PieceLength));
            more = _block[21 * SparseMap.PieceLength] != 0;
        }
        _sparse.Check(entry.StoredSize);
        entry.Sparse = _sparse;
    }

    private async ValueTask ReadPaxSparseAsync(TarEntry entry, CancellationToken cancellationToken)
    {
        if (entry.Type != TarEntryType.RegularFile)
            throw TarError.Damaged("an entry that is no file has a sparse map");
        _sparse.Clear();
        _sparse.RealSize = _local.SparseRealSize ?? throw TarError.Damaged("a sparse file has no size");
        if (_local.IsSparseOne)
            await ReadSparseOneAsync(cancellationToken).ConfigureAwait(false);
        else if (_local.SparseList is { } list)
            _sparse.AddList(_local.Text(list));
        else
        {
            foreach ((long offset, long length) in _local.SparsePieces)
                _sparse.Add(offset, length);
        }
        entry.StoredSize = _data;
        _sparse.Check(_data);
        entry.Sparse = _sparse;
    }

    // The map is the first part of the data: decimal numbers, one a line, filled up to whole blocks.
    private async ValueTask ReadSparseOneAsync(CancellationToken cancellationToken)
    {
        long count = -1, numbers = 0, offset = 0, value = 0;
        int digits = 0;
        for (int read = 0; count < 0 || numbers < 2 * count; read += TarHeader.Length)
        {
            CheckMapLength(read);
            if (_data < TarHeader.Length || !await ReadBlockAsync(cancellationToken).ConfigureAwait(false))
                throw TarError.Damaged("a sparse map is cut off");
            _data -= TarHeader.Length;
            for (int i = 0; i < TarHeader.Length && (count < 0 || numbers < 2 * count); i++)
            {
                if (_block[i] is >= (byte)'0' and <= (byte)'9' && digits < 18)
                {
                    value = (value * 10) + _block[i] - '0';
                    digits++;
                    continue;
                }
                if (_block[i] != '\n' || digits == 0)
                    throw TarError.Damaged("a sparse map is malformed");
                if (count < 0)
                    count = value;
                else if (numbers++ % 2 == 0)
                    offset = value;
                else
                    _sparse.Add(offset, value);
                value = digits = 0;
            }
        }
    }

    private void CheckMapLength(int bytes)
    {
        if (bytes >= limits.MaxPaxBytes)
            throw ExpansionGuard.Exceeded(nameof(LayerLimits.MaxPaxBytes), limits.MaxPaxBytes, "a sparse map is too long");
    }

    // False at the end of the stream.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> ReadBlockAsync(CancellationToken cancellationToken)
    {
        int length = await input.ReadAsync(_block, cancellationToken).ConfigureAwait(false);
        return length is 0 or TarHeader.Length ? length > 0 : throw TarError.Truncated();
    }

    private static bool IsZero(ReadOnlySpan<byte> block) => block.IndexOfAnyExcept((byte)0) < 0;
}
