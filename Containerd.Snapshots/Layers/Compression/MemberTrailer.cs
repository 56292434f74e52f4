namespace Containerd.Snapshots;

/// <summary>What has to stand behind the compressed data of a gzip member: checksum and length of what came out.</summary>
internal struct MemberTrailer
{
    private uint _checksum;

    /// <summary>The length, modulo 2^32.</summary>
    public uint Length { get; private set; }

    /// <summary>Its eight bytes.</summary>
    public readonly ulong Value => ((ulong)Length << 32) | _checksum;

    public void Append(ReadOnlySpan<byte> expanded)
    {
        _checksum = Crc32.Append(_checksum, expanded);
        Length += (uint)expanded.Length;
    }
}
