using System.Collections.Concurrent;

namespace Containerd.Snapshots;

/// <summary>Keeps what progress is told, at once.</summary>
internal sealed class ListProgress(Action<SnapshotProgress>? told = null) : IProgress<SnapshotProgress>
{
    private readonly ConcurrentQueue<SnapshotProgress> _reports = [];

    public IReadOnlyCollection<SnapshotProgress> Reports => _reports;

    public void Report(SnapshotProgress value)
    {
        _reports.Enqueue(value);
        told?.Invoke(value);
    }
}
