using System.IO.Pipelines;

namespace Containerd.Snapshots;

/// <summary>Zstandard (RFC 8878). Expands any number of frames, skippable ones among them; writes frames of 8 MiB, compressed on several processors.</summary>
/// <remarks>
/// <para>Levels 1 to 19, 3 by default, as those of zstd. The same archive at the same level becomes the same bytes, for one version of the library that
/// does the work (ZstdSharp). Every frame has its length and a checksum.</para>
/// <para>Expanding refuses damage, loss of the end, anything but frames, and frames that need a dictionary or a window of more than 128 MiB, the
/// format's recommended bound. Memory: the window.</para>
/// <para>As many frames as there are processors, up to 4, are compressed at once. Memory for each: 24 MiB and the compressor's tables, from a few MiB at
/// level 3 to about 80 MiB at level 19.</para>
/// </remarks>
public sealed class ZstandardCompression : ILayerCompression
{
    internal const int BlockLength = 8 << 20;
    private const int MaxWorkers = 4;
    private static readonly CompressionLevels Levels = new("zstd", 1, 19, 3);

    private readonly int _workers;

    /// <summary>Makes the compression; it has no state.</summary>
    public ZstandardCompression() : this(Math.Min(Environment.ProcessorCount, MaxWorkers))
    {
    }

    internal ZstandardCompression(int workers) => _workers = workers;

    /// <inheritdoc/>
    public string Name => Levels.Compression;

    /// <inheritdoc/>
    public IReadOnlyList<string> MediaTypes { get; } =
    [
        Containerd.MediaTypes.OciLayerZstd,
        Containerd.MediaTypes.DockerLayerZstd,
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.zstd",
    ];

    /// <inheritdoc/>
    public bool Matches(ReadOnlySpan<byte> start, string mediaType)
    {
        bool skippable = start.Length >= 8 && (start[0] & 0xF0) == 0x50 && start[1..].StartsWith((ReadOnlySpan<byte>)[0x2A, 0x4D, 0x18]);
        return skippable || start.StartsWith((ReadOnlySpan<byte>)[0x28, 0xB5, 0x2F, 0xFD]);
    }

    /// <inheritdoc/>
    public Task ExpandAsync(PipeReader compressed, PipeWriter expanded, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(compressed);
        ArgumentNullException.ThrowIfNull(expanded);
        return ZstandardDecoder.DecodeAsync(new BlockReader(compressed), new BlockWriter(expanded), cancellationToken);
    }

    /// <inheritdoc/>
    public Task CompressAsync(PipeReader expanded, PipeWriter compressed, int? level = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(expanded);
        ArgumentNullException.ThrowIfNull(compressed);
        int chosen = Levels.Choose(level);
        return CompressAsync(new BlockReader(expanded), new BlockWriter(compressed), chosen, cancellationToken);
    }

    private async Task CompressAsync(BlockReader expanded, BlockWriter compressed, int level, CancellationToken cancellationToken)
    {
        var frames = new ParallelBlocks(BlockLength, _workers, () => new ZstandardBlockCompressor(level));
        if (await frames.CompressAsync(expanded, compressed, seen: null, cancellationToken).ConfigureAwait(false))
            await compressed.FlushAsync(cancellationToken).ConfigureAwait(false);
    }
}
