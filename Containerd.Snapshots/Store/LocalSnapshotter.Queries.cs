using System.Runtime.CompilerServices;

namespace Containerd.Snapshots;

public abstract partial class LocalSnapshotter
{
    private const int ListBatch = 256;

    /// <inheritdoc/>
    /// <exception cref="ContainerdException">-or- <see cref="ErrorKind.DataCorrupted"/>: the mounts of the snapshot flush nothing (<c>volatile</c>), and the machine has been
    /// restarted since it was made: its content is not what was written.</exception>
    public Task<IReadOnlyList<Mount>> MountsAsync(string key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Inline(
            () =>
            {
                if (_views.TryGetValue(key, out MemoryView? view))
                    return view.Mounts;
                (SnapshotRecord? record, List<TreeRecord> parents) = _metadata.ReadConsistent(connection =>
                {
                    SnapshotRecord? found = SnapshotTable.Find(connection, key);
                    return (found, found is { Info.Parent: { } parent, Kind: not SnapshotKind.Committed } ? SnapshotTable.Chain(connection, parent) : []);
                });
                record ??= FindAdditional(key) ?? throw Missing("snapshot", key);
                if (record.Kind == SnapshotKind.Committed)
                {
                    throw new ContainerdException(ErrorKind.FailedPrecondition, $"Snapshot '{Excerpt.Of(key)}' is committed: it has no mounts of its own; make a view of it.") { Subject = key };
                }
                if (record is { Kind: SnapshotKind.Active, Tree: null })
                    throw SnapshotTable.WithoutTree(key);
                if (record is { Kind: SnapshotKind.Active, Tree: { Boot: not null } tree })
                {
                    CheckBoot(key, tree);
                    if (!_isReadOnly)
                        _driver.Revive(tree.Place ?? _root.Path, tree.Id);
                }
                return _driver.Mounts(new TreeStack(_root.Path, record.Kind, record.Tree, parents, record.Mappings));
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public Task<SnapshotInfo?> FindAsync(string key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Inline(
            () =>
            {
                // What another process gives the name of such a view is not the one that this object has under it.
                if (_isReadOnly && _views.TryGetValue(key, out MemoryView? view))
                    return view.Info;
                (SnapshotInfo? own, long? borrowed) = _metadata.Read(connection => SnapshotTable.FindInfo(connection, key));
                return borrowed is { } identity ? InfoOfLent(own!, identity)
                    : own ?? FindAdditional(key)?.Info;
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    /// <exception cref="ContainerdException">-or- <see cref="ErrorKind.PermissionDenied"/>: it is another store's, or this one was opened to read only.</exception>
    public Task<SnapshotInfo> UpdateAsync(string key, LabelUpdate labels, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(labels);
        DateTimeOffset now = _timeProvider.GetUtcNow();
        return Task.Run(
            () =>
            {
                CheckWritable("Labelling snapshot", key);
                bool isAdditional = IsAdditional(key);
                return _metadata.WriteAsync(
                    connection =>
                    {
                        SnapshotRecord? record = SnapshotTable.Find(connection, key);
                        if (record is null or { IsBorrowed: true })
                            throw MissingOrForeign("Labelling", key, record is not null || isAdditional);
                        SnapshotInfo updated = record.Info with { Labels = labels.ApplyTo(record.Info.Labels), UpdatedAt = now };
                        SnapshotTable.SetLabels(connection, updated);
                        return updated;
                    },
                    cancellationToken);
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<SnapshotUsage> UsageAsync(string key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        cancellationToken.ThrowIfCancellationRequested();
        if (_views.ContainsKey(key))
            return default;
        (SnapshotRecord? found, TreeRecord? parent) = _metadata.ReadConsistent(connection =>
        {
            SnapshotRecord? record = SnapshotTable.Find(connection, key);
            return (record, record is { Kind: SnapshotKind.Active, Info.Parent: { } below } ? SnapshotTable.Find(connection, below)?.Tree : null);
        });
        SnapshotRecord snapshot = found ?? FindAdditional(key) ?? throw Missing("snapshot", key);
        return snapshot switch
        {
            { Kind: SnapshotKind.Committed } => snapshot.Measure.Usage,
            { Kind: SnapshotKind.Active, Tree: { } tree } => await Task.Run(
                () => _driver.Measure(FilesOf(tree), parent is { } below ? FilesOf(below) : null, null, cancellationToken).Usage, cancellationToken).ConfigureAwait(false),
            _ => default,
        };
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<SnapshotInfo> ListAsync(
        SnapshotFilter? filter = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        string last = "";
        var listed = new HashSet<string>(StringComparer.Ordinal);
        List<SnapshotRecord> batch;
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            // No transaction is open while the caller works: it may change what it is listing.
            string after = last;
            batch = await Inline(
                () => _metadata.Read(connection => SnapshotTable.List(connection, after, ListBatch, filter?.Kind, filter?.Parent)), cancellationToken).ConfigureAwait(false);
            foreach (SnapshotRecord record in batch)
            {
                last = record.Info.Name;
                if (_isReadOnly && _views.ContainsKey(last))
                    continue;
                if (_additional.Count > 0)
                    listed.Add(last);
                SnapshotInfo info = record.IsBorrowed ? InfoOfLent(record.Info, record.Identity) : record.Info;
                if (filter is null || filter.Matches(info))
                    yield return info;
            }
        }
        while (batch.Count == ListBatch);

        foreach (SnapshotInfo info in _views.Values.Select(view => view.Info).Where(info => listed.Add(info.Name)).Concat(ListAdditional(filter, listed)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (filter is null || filter.Matches(info))
                yield return info;
        }
    }

    // What is removed, borrowed, or given back while the list is read is listed once: whether it was among those of a store before decides, not whether it is now.
    private IEnumerable<SnapshotInfo> ListAdditional(SnapshotFilter? filter, HashSet<string> listed)
    {
        for (int i = 0; i < _additional.Count; i++)
        {
            string last = "";
            List<SnapshotRecord> batch;
            do
            {
                batch = _additional[i].List(last, ListBatch, filter?.Parent);
                foreach (SnapshotRecord record in batch)
                {
                    last = record.Info.Name;
                    if (!listed.Contains(last)
                        && FindRecord(last) is null or { IsBorrowed: true }
                        && !_additional.Take(i).Any(store => store.Find(record.Info.Name) is not null)
                        && listed.Add(last))
                    {
                        yield return record.Info;
                    }
                }
            }
            while (batch.Count == ListBatch);
        }
    }

    // The store it belongs to may have labelled it since; one that has taken its name there is another.
    private SnapshotInfo InfoOfLent(SnapshotInfo borrowed, long identity) =>
        FindAdditional(borrowed.Name) is { } lent && lent.Identity == identity ? lent.Info : borrowed;

    private SnapshotRecord? FindRecord(string key) => _metadata.Read(connection => SnapshotTable.Find(connection, key));

    private ContainerdException MissingOrForeign(string doing, string key, bool isForeign) =>
        isForeign
            ? new ContainerdException(ErrorKind.PermissionDenied, $"{doing} snapshot '{Excerpt.Of(key)}': it belongs to an additional store, which is only read here.") { Subject = key }
            : Missing("snapshot", key);

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
