using System.Collections.Concurrent;

namespace Containerd.Snapshots;

// What lies beneath this store and belongs to others (L-8), and views of a store that is only read.
public abstract partial class LocalSnapshotter
{
    private readonly ConcurrentDictionary<string, MemoryView> _views = new(StringComparer.Ordinal);

    private sealed record MemoryView(SnapshotInfo Info, IReadOnlyList<Mount> Mounts);

    private SnapshotRecord? FindAdditional(string name)
    {
        foreach (AdditionalStore store in _additional)
        {
            if (store.Find(name) is { } found)
                return Resolved(store, found);
        }
        return null;
    }

    private bool IsAdditional(string name) => _additional.Exists(store => store.Find(name) is not null);

    // Before a transaction, never in one: it would hold up this store's writers for the reading of another. Nothing keeps that store from having the name a moment later.
    private void CheckNotAdditional(string name)
    {
        if (IsAdditional(name))
            throw Taken(name);
    }

    /// <summary>
    /// The chain of a parent that only another store has, topmost first; empty where there is no parent, it is this store's, or nobody's. Also of one that is
    /// borrowed already: it may be given back before it is used.
    /// </summary>
    private List<SnapshotRecord> BorrowableChain(string? parent)
    {
        if (parent is null || _additional.Count == 0 || FindRecord(parent) is { IsBorrowed: false })
            return [];
        foreach (AdditionalStore store in _additional)
        {
            if (store.FindChain(parent) is { Count: > 0 } chain)
                return chain.ConvertAll(record => Resolved(store, record));
        }
        return [];
    }

    // Its trees lie in that store, seen from here.
    private static SnapshotRecord Resolved(AdditionalStore store, SnapshotRecord record) =>
        record with { Tree = record.Tree is { } tree ? tree with { Place = tree.Place ?? store.Path, IsForeign = true } : null };

    /// <summary>The trees of a chain of another store as <see cref="Borrow"/> makes it: down to a name that this store has, which means its own, as everywhere.</summary>
    private List<TreeRecord> ChainOfBorrowed(MetadataConnection connection, List<SnapshotRecord> chain)
    {
        var trees = new List<TreeRecord>();
        foreach (SnapshotRecord record in chain)
        {
            if (SnapshotTable.FindRow(connection, record.Info.Name) is { } own)
            {
                CheckIsBase(own);
                trees.AddRange(SnapshotTable.Chain(connection, own.Name));
                break;
            }
            trees.Add(record.Tree!.Value);
        }
        return trees;
    }

    private void CheckIsBase(in SnapshotRow own)
    {
        if (own.Kind != SnapshotKind.Committed)
        {
            throw new ContainerdException(
                ErrorKind.InvalidArgument, $"The parent '{Excerpt.Of(own.Name)}' is {Describe(own.Kind)} in '{Excerpt.Of(_root.Path)}', which counts before the additional stores.")
            { Subject = own.Name };
        }
    }

    /// <summary>Makes rows of a chain of another store, so that snapshots of this one can refer to it; gives the topmost.</summary>
    private KnownParent? Borrow(MetadataConnection connection, List<SnapshotRecord> chain)
    {
        SnapshotRow? below = null;
        for (int i = chain.Count - 1; i >= 0; i--)
        {
            SnapshotRecord record = chain[i];
            string name = record.Info.Name;
            SnapshotRow? known = SnapshotTable.FindRow(connection, name);
            if (known is { } own)
                CheckIsBase(own);
            else
            {
                if (below is { } beneath)
                    SnapshotTable.TryAddChild(connection, beneath);
                SnapshotTable.TryInsertCommitted(connection, record.Info, new CommittedTree(record.Tree!.Value, record.Measure, null, Synced: true), record.Identity);
                known = SnapshotTable.FindRow(connection, name);
            }
            below = known;
        }
        return below is { } top ? new KnownParent(top, SnapshotTable.Chain(connection, top.Name)) : null;
    }

    private IReadOnlyList<Mount> ViewInMemory(string key, string? parent, SnapshotOptions? options, IdMappings mappings, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (parent is null)
            throw new ContainerdException(ErrorKind.PermissionDenied, $"Making the empty view '{Excerpt.Of(key)}': the store '{Excerpt.Of(_root.Path)}' was opened to read only.") { Subject = key };
        if (_views.ContainsKey(parent))
            throw NotCommitted(key, parent, SnapshotKind.View);
        List<SnapshotRecord> borrowed = BorrowableChain(parent);
        IReadOnlyList<TreeRecord> chain = _metadata.ReadConsistent(connection =>
            FindParentOfNew(connection, key, parent, borrowed)?.Trees ?? ChainOfBorrowed(connection, borrowed));
        DateTimeOffset now = _timeProvider.GetUtcNow();
        var info = new SnapshotInfo { Name = key, Kind = SnapshotKind.View, Parent = parent, Labels = Copy(options?.Labels), CreatedAt = now, UpdatedAt = now };
        var view = new MemoryView(info, _driver.Mounts(new TreeStack(_root.Path, SnapshotKind.View, null, chain, mappings)));
        return _views.TryAdd(key, view) ? view.Mounts : throw Taken(key);
    }
}
