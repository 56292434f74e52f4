using System.Collections.Concurrent;
using Containerd.Snapshots;

namespace Containerd.Images.Tests;

/// <summary>Applies layers as <see cref="TarLayerApplier"/> does, and knows which ones, and how many at once.</summary>
internal sealed class RecordingApplier : ILayerApplier
{
    private readonly TarLayerApplier _applier = new();
    private int _running, _most;

    /// <summary>Each application, in the order in which they began.</summary>
    public ConcurrentQueue<Digest> Applied { get; } = new();

    /// <summary>How many ran at once.</summary>
    public int Most => _most;

    public Func<Descriptor, CancellationToken, Task> Before { get; set; } = (_, _) => Task.CompletedTask;

    public async Task<LayerApplyResult> ApplyAsync(
        Descriptor layer, Stream content, IReadOnlyList<Mount> mounts, IProgress<long>? progress = null, CancellationToken cancellationToken = default)
    {
        int running = Interlocked.Increment(ref _running);
        for (int most = _most; most < running && Interlocked.CompareExchange(ref _most, running, most) != most; most = _most) { }
        try
        {
            Applied.Enqueue(layer.Digest);
            await Before(layer, cancellationToken);
            return await _applier.ApplyAsync(layer, content, mounts, progress, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }
}
