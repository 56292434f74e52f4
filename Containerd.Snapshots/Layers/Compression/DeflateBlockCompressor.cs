using System.IO.Compression;

namespace Containerd.Snapshots;

/// <summary>Compresses blocks with deflate (RFC 1951), each ending on a byte without ending the stream, so that they join to one stream.</summary>
internal sealed class DeflateBlockCompressor(int level) : BlockCompressor
{
    // Deflate stores what it cannot compress; the fastest level of zlib-ng does not, and takes up to nine bits for a byte.
    public override int Bound(int length) => length + (length / 8) + (length / 64) + 1024;

    public override int Compress(ReadOnlySpan<byte> block, byte[] room)
    {
        using var compressed = new MemoryStream(room);
        using var deflate = new DeflateStream(compressed, new ZLibCompressionOptions { CompressionLevel = level }, leaveOpen: true);
        deflate.Write(block);
        deflate.Flush(); // ends with the empty stored block of a sync flush
        return (int)compressed.Position; // disposing would go on to end the stream; what it writes is left out
    }
}
