namespace Containerd.Snapshots;

/// <summary>What has to stand behind the compressed data of a gzip member: checksum and length of what came out.</summary>
internal struct MemberTrailer
{
    private uint _checksum;
    private uint _length;

    public readonly ulong Value => ((ulong)_length << 32) | _checksum;

    public void Append(ReadOnlySpan<byte> expanded)
    {
        _checksum = Crc32.Append(_checksum, expanded);
        _length += (uint)expanded.Length; // modulo 2^32, as the format has it
    }
}
