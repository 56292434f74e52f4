using System.Runtime.CompilerServices;

namespace Containerd.Snapshots;

public sealed partial class OverlaySnapshotter
{
    private const int ListBatch = 256;

    /// <inheritdoc/>
    public Task<IReadOnlyList<Mount>> MountsAsync(string key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Inline(
            () =>
            {
                (SnapshotRecord record, List<long> parents) = _metadata.ReadConsistent(connection =>
                {
                    SnapshotRecord found = SnapshotTable.Find(connection, key) ?? throw Missing("snapshot", key);
                    return (found, found.ParentId is { } parent && found.Kind != SnapshotKind.Committed ? SnapshotTable.Chain(connection, parent) : []);
                });
                if (record.Kind == SnapshotKind.Committed)
                {
                    throw new ContainerdException(ErrorKind.FailedPrecondition, $"Snapshot '{Excerpt.Of(key)}' is committed: it has no mounts of its own; make a view of it.") { Subject = key };
                }
                return _mounts.Of(record.Kind, record.TreeId, parents);
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public Task<SnapshotInfo?> FindAsync(string key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Inline(() => _metadata.Read(connection => SnapshotTable.Find(connection, key))?.Info, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<SnapshotInfo> UpdateAsync(string key, LabelUpdate labels, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(labels);
        DateTimeOffset now = _timeProvider.GetUtcNow();
        return Task.Run(
            () => _metadata.WriteAsync(
                connection =>
                {
                    SnapshotRecord record = SnapshotTable.Find(connection, key) ?? throw Missing("snapshot", key);
                    SnapshotInfo updated = record.Info with { Labels = labels.ApplyTo(record.Info.Labels), UpdatedAt = now };
                    SnapshotTable.SetLabels(connection, record.Id, updated);
                    return updated;
                },
                cancellationToken),
            cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<SnapshotUsage> UsageAsync(string key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        cancellationToken.ThrowIfCancellationRequested();
        SnapshotRecord record = _metadata.Read(connection => SnapshotTable.Find(connection, key)) ?? throw Missing("snapshot", key);
        return record switch
        {
            { Kind: SnapshotKind.Committed } => record.Usage,
            { Kind: SnapshotKind.Active, TreeId: { } tree } => await Task.Run(() => TreeUsage.Measure(_trees.FilesOf(tree), cancellationToken), cancellationToken).ConfigureAwait(false),
            _ => default,
        };
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<SnapshotInfo> ListAsync(
        SnapshotFilter? filter = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        long last = 0;
        List<SnapshotRecord> batch;
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            // No transaction is open while the caller works: it may change what it is listing.
            long after = last;
            batch = await Inline(
                () => _metadata.Read(connection => SnapshotTable.List(connection, after, ListBatch, filter?.Kind, filter?.Parent)), cancellationToken).ConfigureAwait(false);
            foreach (SnapshotRecord record in batch)
            {
                last = record.Id;
                if (filter is null || filter.Matches(record.Info))
                    yield return record.Info;
            }
        }
        while (batch.Count == ListBatch);
    }

    // What fails, fails in the task, as in every asynchronous method.
    private static Task<T> Inline<T>(Func<T> read, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled<T>(cancellationToken);
        try
        {
            return Task.FromResult(read());
        }
        catch (Exception e)
        {
            return Task.FromException<T>(e);
        }
    }
}
