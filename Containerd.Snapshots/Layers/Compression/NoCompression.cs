using System.IO.Pipelines;

namespace Containerd.Snapshots;

/// <summary>Layers that are plain archives. Takes every layer for one, so it belongs at the end of a list of compressions; what is no archive either, its reader finds.</summary>
/// <remarks>The only level is 0.</remarks>
public sealed class NoCompression : ILayerCompression
{
    private static readonly CompressionLevels Levels = new("none", 0, 0, 0);

    /// <inheritdoc/>
    public string Name => Levels.Compression;

    /// <inheritdoc/>
    public IReadOnlyList<string> MediaTypes { get; } =
    [
        Containerd.MediaTypes.OciLayer,
        Containerd.MediaTypes.DockerLayer,
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
    ];

    /// <inheritdoc/>
    public bool Matches(ReadOnlySpan<byte> start, string mediaType) => true;

    /// <inheritdoc/>
    public Task ExpandAsync(PipeReader compressed, PipeWriter expanded, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(compressed);
        ArgumentNullException.ThrowIfNull(expanded);
        return CopyAsync(new BlockReader(compressed), new BlockWriter(expanded), cancellationToken);
    }

    /// <inheritdoc/>
    public Task CompressAsync(PipeReader expanded, PipeWriter compressed, int? level = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(expanded);
        ArgumentNullException.ThrowIfNull(compressed);
        Levels.Choose(level);
        return CopyAsync(new BlockReader(expanded), new BlockWriter(compressed), cancellationToken);
    }

    private static async Task CopyAsync(BlockReader input, BlockWriter output, CancellationToken cancellationToken)
    {
        while (await input.FillAsync(cancellationToken).ConfigureAwait(false))
        {
            Memory<byte> room = output.GetMemory();
            int count = Math.Min(room.Length, input.Span.Length);
            input.Span[..count].CopyTo(room.Span);
            input.Advance(count);
            if (!await output.AdvanceAsync(count, cancellationToken).ConfigureAwait(false))
                return;
        }
        await output.FlushAsync(cancellationToken).ConfigureAwait(false);
    }
}
