namespace Containerd.Snapshots;

/// <summary>What has to stand behind the compressed data of a gzip member: checksum and length of what came out.</summary>
internal struct MemberTrailer
{
    private uint _checksum;
    private long _length;

    public readonly bool IsOfNothing => _length == 0;

    /// <summary>Its eight bytes.</summary>
    public readonly ulong Value => ((ulong)(uint)_length << 32) | _checksum;

    public void Append(ReadOnlySpan<byte> expanded)
    {
        _checksum = Crc32.Append(_checksum, expanded);
        _length += expanded.Length;
    }
}
