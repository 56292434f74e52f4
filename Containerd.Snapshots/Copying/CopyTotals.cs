namespace Containerd.Snapshots;

/// <summary>Counts what was made, and tells it from time to time: once per so much work, so that no clock is needed.</summary>
internal sealed class CopyTotals(IProgress<FileTreeCopyProgress>? progress)
{
    private const int EntriesPerReport = 1024;
    private const long BytesPerReport = 32 << 20;

    private long _entries, _bytes;
    private int _reporting;

    public FileTreeCopyProgress Current => new(Interlocked.Read(ref _entries), Interlocked.Read(ref _bytes));

    public void AddEntry() => Report(Interlocked.Increment(ref _entries), EntriesPerReport, 1);

    public void AddBytes(long count) => Report(Interlocked.Add(ref _bytes, count), BytesPerReport, count);

    /// <summary>Tells the last totals.</summary>
    public void Complete() => progress?.Report(Current);

    private void Report(long total, long interval, long added)
    {
        // One thread at a time: who is told need not be thread-safe, and never sees a total shrink.
        if (progress is null || total / interval == (total - added) / interval || Interlocked.Exchange(ref _reporting, 1) != 0)
            return;
        try
        {
            progress.Report(Current);
        }
        finally
        {
            Volatile.Write(ref _reporting, 0);
        }
    }
}
