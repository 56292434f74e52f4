using System.Buffers.Binary;
using System.IO.Pipelines;

namespace Containerd.Snapshots;

/// <summary>gzip (RFC 1952). Expands any number of members and zeros behind the last; writes one member, compressed on several processors.</summary>
/// <remarks>
/// <para>Levels 0 (stored) to 9, 6 by default, as those of gzip. What is written has no name and no time: the same archive at the same level becomes
/// the same bytes, for one version of the .NET runtime, whose zlib does the work.</para>
/// <para>Expanding checks everything that the format checks: the checksums of headers and data, and lengths. Damage, loss of the end, and anything but
/// zeros behind it, is refused. Memory: 500 KiB.</para>
/// <para>Compressing cuts the archive into blocks of 1 MiB, of which as many as there are processors, up to 16, are compressed at once. Memory: 3 MiB for each.</para>
/// </remarks>
public sealed class GzipCompression : ILayerCompression
{
    internal const int BlockLength = 1 << 20;
    private const int MaxWorkers = 16;
    private static readonly CompressionLevels Levels = new("gzip", 0, 9, 6);

    private readonly int _workers;
    private readonly bool _usesIsal;

    /// <summary>Makes the compression; it has no state.</summary>
    /// <param name="useIsal">
    /// Whether layers are expanded by ISA-L (<c>libisal.so.2</c>) where that library is installed: a quarter faster, or more. Where it is not, or this is false, the
    /// runtime's zlib does it. Both give the same bytes; the latter also refuses codes with unused bit patterns, which no compressor makes.
    /// </param>
    public GzipCompression(bool useIsal = true) : this(Math.Min(Environment.ProcessorCount, MaxWorkers), useIsal)
    {
    }

    internal GzipCompression(int workers, bool useIsal = true)
    {
        _workers = workers;
        _usesIsal = useIsal && Interop.Isal.IsAvailable;
    }

    /// <inheritdoc/>
    public string Name => Levels.Compression;

    /// <inheritdoc/>
    public IReadOnlyList<string> MediaTypes { get; } =
    [
        Containerd.MediaTypes.OciLayerGzip,
        Containerd.MediaTypes.DockerLayerGzip,
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        Containerd.MediaTypes.DockerForeignLayerGzip,
    ];

    /// <inheritdoc/>
    public bool Matches(ReadOnlySpan<byte> start, string mediaType) => start.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B, 0x08]);

    /// <inheritdoc/>
    public Task ExpandAsync(PipeReader compressed, PipeWriter expanded, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(compressed);
        ArgumentNullException.ThrowIfNull(expanded);
        return GzipDecoder.DecodeAsync(new BlockReader(compressed), new BlockWriter(expanded), _usesIsal, cancellationToken);
    }

    /// <inheritdoc/>
    public Task CompressAsync(PipeReader expanded, PipeWriter compressed, int? level = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(expanded);
        ArgumentNullException.ThrowIfNull(compressed);
        return CompressAsync(new BlockReader(expanded), new BlockWriter(compressed), Levels.Choose(level), cancellationToken);
    }

    private async Task CompressAsync(BlockReader expanded, BlockWriter compressed, int level, CancellationToken cancellationToken)
    {
        byte effort = level switch { 9 => 2, 1 => 4, _ => 0 };
        byte[] header = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, effort, 255]; // no time, an unknown system
        if (!await compressed.WriteAsync(header, cancellationToken).ConfigureAwait(false))
            return;

        uint checksum = 0, length = 0;
        var blocks = new ParallelBlocks(BlockLength, _workers, () => new DeflateBlockCompressor(level));
        void Count(ReadOnlyMemory<byte> block)
        {
            checksum = Crc32.Append(checksum, block.Span);
            length += (uint)block.Length; // modulo 2^32, as the format has it
        }
        if (!await blocks.CompressAsync(expanded, compressed, Count, cancellationToken).ConfigureAwait(false))
            return;

        byte[] end = new byte[10];
        end[0] = 3; // the last block of the deflate stream, without content
        BinaryPrimitives.WriteUInt32LittleEndian(end.AsSpan(2), checksum);
        BinaryPrimitives.WriteUInt32LittleEndian(end.AsSpan(6), length);
        if (await compressed.WriteAsync(end, cancellationToken).ConfigureAwait(false))
            await compressed.FlushAsync(cancellationToken).ConfigureAwait(false);
    }
}
