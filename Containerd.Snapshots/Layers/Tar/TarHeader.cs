namespace Containerd.Snapshots;

/// <summary>One 512-byte header block, seen field by field (POSIX.1-1988 ustar, GNU, star, and the older v7).</summary>
internal readonly ref struct TarHeader
{
    public const int Length = 512;

    private readonly ReadOnlySpan<byte> _block;

    /// <summary>Takes a block as a header.</summary>
    /// <exception cref="ContainerdException">Its checksum is wrong.</exception>
    public TarHeader(ReadOnlySpan<byte> block)
    {
        _block = block;
        // The sum counts its own field as spaces. Old programs summed signed bytes; both are in use.
        int unsigned = 8 * ' ', signed = 8 * ' ';
        for (int i = 0; i < Length; i++)
        {
            if (i is >= 148 and < 156)
                continue;
            unsigned += block[i];
            signed += (sbyte)block[i];
        }
        long sum = TarNumber.ParseField(block.Slice(148, 8));
        if (sum != unsigned && sum != signed)
            throw TarError.Damaged("the checksum of a header is wrong");
    }

    public ReadOnlySpan<byte> Name => Text(0, 100);

    public int Mode => (int)(TarNumber.ParseField(_block.Slice(100, 8)) & 0xFFF);

    public long Uid => TarNumber.ParseField(_block.Slice(108, 8));

    public long Gid => TarNumber.ParseField(_block.Slice(116, 8));

    public long Size => TarNumber.ParseField(_block.Slice(124, 12));

    public long ModifyTime => TarNumber.ParseField(_block.Slice(136, 12));

    public byte TypeFlag => _block[156];

    public ReadOnlySpan<byte> LinkName => Text(157, 100);

    public bool IsUstar => _block.Slice(257, 6).SequenceEqual("ustar\0"u8); // whatever the version says, as Go

    public bool IsGnu => _block.Slice(257, 8).SequenceEqual("ustar  \0"u8);

    public long DeviceMajor => IsUstar || IsGnu ? TarNumber.ParseField(_block.Slice(329, 8)) : 0;

    public long DeviceMinor => IsUstar || IsGnu ? TarNumber.ParseField(_block.Slice(337, 8)) : 0;

    /// <summary>The directory part of a long name; GNU uses the place for other things, and star has a shorter one.</summary>
    public ReadOnlySpan<byte> Prefix => IsUstar ? Text(345, IsStar ? 131 : 155) : default;

    /// <summary>The first four pieces of an old GNU sparse map.</summary>
    public ReadOnlySpan<byte> SparsePieces => _block.Slice(386, 4 * SparseMap.PieceLength);

    public bool HasMoreSparsePieces => _block[482] != 0;

    public long SparseRealSize => TarNumber.ParseField(_block.Slice(483, 12));

    private bool IsStar => _block.Slice(508, 4).SequenceEqual("tar\0"u8);

    private ReadOnlySpan<byte> Text(int offset, int length)
    {
        ReadOnlySpan<byte> field = _block.Slice(offset, length);
        int end = field.IndexOf((byte)0);
        return end < 0 ? field : field[..end];
    }
}
