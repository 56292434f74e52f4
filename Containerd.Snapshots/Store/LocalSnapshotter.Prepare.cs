using System.Collections.Frozen;

namespace Containerd.Snapshots;

public abstract partial class LocalSnapshotter
{
    private readonly RecentSnapshots<KnownParent> _parents = new();
    private readonly RecentSnapshots<Prepared> _prepared = new();

    /// <inheritdoc/>
    public Task<IReadOnlyList<Mount>> PrepareAsync(
        string key, string? parent = null, SnapshotOptions? options = null, CancellationToken cancellationToken = default) =>
        CreateAsync(SnapshotKind.Active, key, parent, options, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<Mount>> ViewAsync(
        string key, string? parent = null, SnapshotOptions? options = null, CancellationToken cancellationToken = default) =>
        CreateAsync(SnapshotKind.View, key, parent, options, cancellationToken);

    private async Task<IReadOnlyList<Mount>> CreateAsync(
        SnapshotKind kind, string key, string? parent, SnapshotOptions? options, CancellationToken cancellationToken)
    {
        NameRule.Validate(key, "the key of a snapshot");
        Labels.Validate(options?.Labels);
        IdMappings mappings = options is null ? IdMappings.None : IdMappings.Of(key, options.UserMappings, options.GroupMappings);
        if (!mappings.IsEmpty)
            CheckCapability(key, SnapshotterCapabilities.RemapIds, "map IDs");
        if (options is { IsLayer: true })
            CheckCapability(key, SnapshotterCapabilities.Rebase, "put a tree onto a parent later");
        CheckNotAdditional(key);
        if (_isReadOnly)
        {
            return kind == SnapshotKind.View
                ? ViewInMemory(key, parent, options, mappings, cancellationToken)
                : throw new ContainerdException(ErrorKind.PermissionDenied, $"Preparing snapshot '{Excerpt.Of(key)}': the store '{Excerpt.Of(_root.Path)}' was opened to read only; make a view.") { Subject = key };
        }
        var creation = new Creation(kind, key, parent, Copy(options?.Labels), mappings, options is { IsLayer: true } && parent is null, options?.Progress);
        // Making directories is brief; copying a tree is not.
        return await (_driver.Stacks ? OnPoolAsync(MakeAsync, cancellationToken) : Task.Run(MakeAsync, cancellationToken)).ConfigureAwait(false);

        Task<IReadOnlyList<Mount>> MakeAsync() => kind == SnapshotKind.View && parent is not null
            ? ViewTreeAsync(creation, parent, cancellationToken)
            : CreateWithTreeAsync(creation, cancellationToken);
    }

    private async Task<IReadOnlyList<Mount>> ViewTreeAsync(Creation creation, string parent, CancellationToken cancellationToken) =>
        (await RecordAsync(creation, BorrowableChain(parent), FindKnown(parent), null, null, cancellationToken).ConfigureAwait(false))!;

    private KnownParent? FindKnown(string? parent) => parent is not null && _parents.TryFind(parent, out KnownParent? known) ? known : null;

    private async Task<IReadOnlyList<Mount>> CreateWithTreeAsync(Creation creation, CancellationToken cancellationToken)
    {
        while (true)
        {
            List<SnapshotRecord> borrowed = BorrowableChain(creation.Parent);
            // What cannot succeed is told before a directory is made, unless the parent is known; the transaction looks in any case.
            KnownParent? known = FindKnown(creation.Parent);
            if (known is null)
                known = _metadata.ReadToWrite(connection => FindParentOfNew(connection, creation.Key, creation.Parent, borrowed));
            IReadOnlyList<Mount>? mounts = null;
            try
            {
                mounts = await CreateOnAsync(creation, borrowed, known, cancellationToken).ConfigureAwait(false);
            }
            catch (ContainerdException) when (known is not null && _metadata.Read(connection => SnapshotTable.FindRow(connection, creation.Parent!)) != known.Row)
            {
                // Its tree went while it was looked at, or before.
            }
            if (mounts is not null)
                return mounts;
            _parents.TryTake(creation.Parent!, out _); // another is of its name now, or none
        }
    }

    /// <summary>Makes a tree and records it; null where the parent is not the one that is known.</summary>
    private async Task<IReadOnlyList<Mount>?> CreateOnAsync(Creation creation, List<SnapshotRecord> borrowed, KnownParent? known, CancellationToken cancellationToken)
    {
        // What becomes a layer is made where layers are, so that committing moves nothing.
        bool isApart = creation.Kind == SnapshotKind.Active && !creation.IsLayer && _places.Writable is not null;
        TreePlace place = isApart ? _places.Writable!.Value.Place : _places.Own;
        TreeRecord? parentTree = known?.Trees[0] ?? (borrowed.Count > 0 ? borrowed[0].Tree : null);
        long id = await BeginTreeAsync(place, cancellationToken).ConfigureAwait(false);
        bool isUsed = false, mayBeRecorded = false;
        try
        {
            Reached?.Invoke(StoreStep.TreeBegun);
            _driver.Make(place, id, new NewTree(parentTree is { } beneath ? FilesOf(beneath) : null, creation.Kind == SnapshotKind.Active, creation.Progress), cancellationToken);
            Reached?.Invoke(StoreStep.TreeMade);
            var tree = new TreeRecord(
                id, isApart ? place.Path : null, IsForeign: false, KeepsDeletions: creation.Parent is not null || creation.IsLayer, HasDeletions: true, _driver.IsVolatile ? BootId : null);
            IReadOnlyList<Mount>? mounts = await RecordAsync(creation, borrowed, known, tree, () => mayBeRecorded = true, cancellationToken).ConfigureAwait(false);
            isUsed = mounts is not null;
            return mounts;
        }
        finally
        {
            if (!isUsed)
                Abandon(place, id, mayBeRecorded);
            _ids!.Done(id);
        }
    }

    /// <summary>Makes the directory of a new tree; the ID is in progress.</summary>
    private async ValueTask<long> BeginTreeAsync(TreePlace place, CancellationToken cancellationToken)
    {
        while (true)
        {
            long id = await _ids!.NextAsync(cancellationToken).ConfigureAwait(false);
            bool isMade = false;
            try
            {
                isMade = place.TryMake(id);
                if (isMade)
                    return id;
                // It was given out before, and power loss took the record of it: what lies there is garbage, for the clean-up to find.
            }
            finally
            {
                if (!isMade)
                    _ids.Done(id);
            }
        }
    }

    // Of a transaction that failed in its last moment nobody knows whether it happened: only the metadata, all of it, says whether the tree is garbage. Where
    // even that cannot be read, or the tree not be deleted, it stays for the next clean-up.
    private void Abandon(TreePlace place, long id, bool mayBeRecorded)
    {
        try
        {
            if (!mayBeRecorded || !_metadata.Read(connection => SnapshotTable.HasTree(connection, id)))
                place.Discard(id, _driver);
        }
        catch (Exception e) when (e is ContainerdException or ObjectDisposedException)
        {
            LogGarbageStays(place.Path, id, e.Message);
        }
    }

    /// <summary>Makes the rows; null where a tree was made and the parent is not the one it was made for.</summary>
    /// <param name="creation">What is made.</param>
    /// <param name="borrowed">The parent's chain, where another store has it.</param>
    /// <param name="known">The parent as it is known.</param>
    /// <param name="tree">The tree that was made; null for a view of the parent's.</param>
    /// <param name="recording">Told when the row is there, unless the transaction fails now.</param>
    /// <param name="cancellationToken">Ends the wait for other writers.</param>
    private async Task<IReadOnlyList<Mount>?> RecordAsync(
        Creation creation, List<SnapshotRecord> borrowed, KnownParent? known, TreeRecord? tree, Action? recording, CancellationToken cancellationToken)
    {
        DateTimeOffset now = _timeProvider.GetUtcNow();
        var info = new SnapshotInfo { Name = creation.Key, Kind = creation.Kind, Parent = creation.Parent, Labels = creation.Labels, CreatedAt = now, UpdatedAt = now };
        (bool isStale, KnownParent? below) = await _metadata.WriteAsync(
            connection =>
            {
                KnownParent? found = known is not null && SnapshotTable.TryAddChild(connection, known.Row) ? known : null;
                // What is borrowed may have been given back and borrowed again since it was read, over another base.
                if (found is { Trees: [{ IsForeign: true }, ..] })
                    found = found with { Trees = SnapshotTable.Chain(connection, found.Row.Name) };
                if (found is null)
                {
                    if (known is not null && tree is not null)
                        return (true, null);
                    found = FindParentOfNew(connection, creation.Key, creation.Parent, borrowed) ?? Borrow(connection, borrowed);
                    // The tree was made of the one to be borrowed, and the store has one of its own by now.
                    if (tree is not null && found is not null && found.Row.Identity != borrowed[0].Identity)
                        return (true, null);
                    if (found is not null)
                        SnapshotTable.TryAddChild(connection, found.Row);
                }
                long? place = tree?.Place is null ? null : _places.Writable!.Value.Row;
                if (!SnapshotTable.TryInsert(connection, info, tree, place, creation.Mappings))
                    throw Taken(creation.Key);
                recording?.Invoke();
                return (false, found);
            },
            cancellationToken).ConfigureAwait(false);
        if (isStale)
            return null;
        Reached?.Invoke(StoreStep.SnapshotRecorded);
        if (below is not null)
            _parents.Add(creation.Parent!, below);
        if (tree is { } own && creation.Kind == SnapshotKind.Active)
            _prepared.Add(creation.Key, new Prepared(own, creation.Parent));
        return _driver.Mounts(new TreeStack(_root.Path, creation.Kind, tree, below?.Trees ?? [], creation.Mappings));
    }

    /// <summary>The parent of a snapshot to be made, null where it has none or is to be borrowed; throws where it cannot be made (S-2).</summary>
    /// <param name="connection">The database.</param>
    /// <param name="key">The key or name of the new snapshot.</param>
    /// <param name="parent">The parent's name.</param>
    /// <param name="borrowed">The parent's chain, where another store has it.</param>
    private KnownParent? FindParentOfNew(MetadataConnection connection, string key, string? parent, List<SnapshotRecord> borrowed)
    {
        KnownParent? below = null;
        if (parent is not null)
        {
            SnapshotRow? row = SnapshotTable.FindRow(connection, parent);
            if (row is null && borrowed.Count == 0)
                throw Missing("parent snapshot", parent);
            if (row is { Kind: not SnapshotKind.Committed })
                throw NotCommitted(key, parent, row.Value.Kind);
            if (row is { } found)
                below = new KnownParent(found, SnapshotTable.Chain(connection, found.Name));
        }
        return SnapshotTable.Exists(connection, key) ? throw Taken(key) : below;
    }

    private static ContainerdException NotCommitted(string key, string parent, SnapshotKind kind) =>
        new(ErrorKind.InvalidArgument, $"Making snapshot '{Excerpt.Of(key)}': its parent '{Excerpt.Of(parent)}' is {Describe(kind)}, not committed.") { Subject = parent };

    private void CheckCapability(string key, SnapshotterCapabilities needed, string what)
    {
        if (!Capabilities.HasFlag(needed))
            throw new ContainerdException(ErrorKind.NotSupported, $"Preparing snapshot '{Excerpt.Of(key)}': this snapshotter cannot {what} (capability {needed}).") { Subject = key };
    }

    private string FilesOf(TreeRecord tree) => TreePlace.FilesOf(tree.Place ?? _root.Path, tree.Id);

    private static FrozenDictionary<string, string> Copy(IReadOnlyDictionary<string, string>? labels) =>
        labels is null or { Count: 0 } ? FrozenDictionary<string, string>.Empty : labels.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>An active snapshot that this object has made.</summary>
    private readonly record struct Prepared(TreeRecord Tree, string? Parent);

    private sealed record Creation(
        SnapshotKind Kind, string Key, string? Parent, FrozenDictionary<string, string> Labels, IdMappings Mappings, bool IsLayer, IProgress<SnapshotProgress>? Progress);
}
