using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Containerd.Snapshots;

/// <summary>Compresses blocks with Zstandard, each to a frame with its length and a checksum.</summary>
internal sealed class ZstandardBlockCompressor : BlockCompressor
{
    private readonly Compressor _compressor;

    public ZstandardBlockCompressor(int level)
    {
        _compressor = new Compressor(level);
        _compressor.SetParameter(ZSTD_cParameter.ZSTD_c_checksumFlag, 1);
    }

    public override int Bound(int length) => Compressor.GetCompressBound(length);

    public override int Compress(ReadOnlySpan<byte> block, byte[] room) => _compressor.Wrap(block, room);

    public override void Dispose()
    {
        _compressor.Dispose();
        base.Dispose();
    }
}
