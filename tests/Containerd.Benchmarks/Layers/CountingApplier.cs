using Containerd.Snapshots;

namespace Containerd.Benchmarks;

/// <summary>Applies layers, and knows how many entries they had.</summary>
internal sealed class CountingApplier : ILayerApplier
{
    private readonly TarLayerApplier _applier = new();
    private long _entries;

    public long Entries => _entries;

    public async Task<LayerApplyResult> ApplyAsync(
        Descriptor layer, Stream content, IReadOnlyList<Mount> mounts, IProgress<long>? progress = null, CancellationToken cancellationToken = default)
    {
        LayerApplyResult result = await _applier.ApplyAsync(layer, content, mounts, progress, cancellationToken);
        Interlocked.Add(ref _entries, result.Entries);
        return result;
    }
}
