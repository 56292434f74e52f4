using System.Collections.Frozen;

namespace Containerd.Snapshots;

public abstract partial class LocalSnapshotter
{
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
        if (_isReadOnly)
        {
            return kind == SnapshotKind.View
                ? ViewInMemory(key, parent, options, mappings, cancellationToken)
                : throw new ContainerdException(ErrorKind.PermissionDenied, $"Preparing snapshot '{Excerpt.Of(key)}': the store '{Excerpt.Of(_root.Path)}' was opened to read only; make a view.") { Subject = key };
        }
        var creation = new Creation(kind, key, parent, Copy(options?.Labels), mappings, options is { IsLayer: true } && parent is null, options?.Progress);
        return await Task.Run(
            () => kind == SnapshotKind.View && parent is not null
                ? RecordAsync(creation, BorrowableChain(parent), null, cancellationToken)
                : CreateWithTreeAsync(creation, cancellationToken),
            cancellationToken).ConfigureAwait(false);
    }

    private async Task<IReadOnlyList<Mount>> CreateWithTreeAsync(Creation creation, CancellationToken cancellationToken)
    {
        // What cannot succeed is told before a directory is made; the transaction looks again.
        List<SnapshotRecord> borrowed = BorrowableChain(creation.Parent);
        SnapshotRecord? below = _metadata.ReadConsistent(connection => FindParentOfNew(connection, creation.Key, creation.Parent, borrowed)) ?? borrowed.FirstOrDefault();
        // What becomes a layer is made where layers are, so that committing moves nothing.
        bool isApart = creation.Kind == SnapshotKind.Active && !creation.IsLayer && _places.Writable is not null;
        TreePlace place = isApart ? _places.Writable!.Value.Place : _places.Own;
        long id = await _ids!.NextAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            place.Make(id);
            Reached?.Invoke(StoreStep.TreeBegun);
            string? parentFiles = below?.Tree is { } beneath ? FilesOf(beneath) : null;
            _driver.Make(place, id, new NewTree(parentFiles, creation.Kind == SnapshotKind.Active, creation.Progress), cancellationToken);
            Reached?.Invoke(StoreStep.TreeMade);
            return await RecordAsync(creation, borrowed, (id, isApart ? _places.Writable!.Value.Row : null), cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Abandon(place, id);
            throw;
        }
        finally
        {
            _ids.Done(id);
        }
    }

    // Of a transaction that failed in its last moment nobody knows whether it happened: only the metadata says whether the tree is garbage. Where
    // even that cannot be read, or the tree not be deleted, it stays for the next clean-up.
    private void Abandon(TreePlace place, long id)
    {
        try
        {
            if (!_metadata.Read(connection => TreeTable.Exists(connection, id)))
                place.Discard(id, _driver);
        }
        catch (Exception e) when (e is ContainerdException or ObjectDisposedException)
        {
            LogGarbageStays(place.Path, id, e.Message);
        }
    }

    private async Task<IReadOnlyList<Mount>> RecordAsync(
        Creation creation, List<SnapshotRecord> borrowed, (long Id, long? Place)? tree, CancellationToken cancellationToken)
    {
        DateTimeOffset now = _timeProvider.GetUtcNow();
        (TreeRecord? own, List<TreeRecord> parents) = await _metadata.WriteAsync(
            connection =>
            {
                SnapshotRecord? below = FindParentOfNew(connection, creation.Key, creation.Parent, borrowed) ?? Borrow(connection, borrowed);
                if (tree is { } made)
                    TreeTable.Insert(connection, made.Id, made.Place, below is not null || creation.IsLayer, _driver.IsVolatile ? BootId : null);
                var info = new SnapshotInfo { Name = creation.Key, Kind = creation.Kind, Parent = creation.Parent, Labels = creation.Labels, CreatedAt = now, UpdatedAt = now };
                SnapshotTable.Insert(connection, info, below?.Id, tree?.Id, creation.Mappings);
                return (tree is { } inserted ? TreeTable.Find(connection, inserted.Id) : null, below is null ? [] : SnapshotTable.Chain(connection, below.Id));
            },
            cancellationToken).ConfigureAwait(false);
        Reached?.Invoke(StoreStep.SnapshotRecorded);
        return _driver.Mounts(new TreeStack(_root.Path, creation.Kind, own, parents, creation.Mappings));
    }

    /// <summary>The parent of a snapshot to be made, null where it has none or is to be borrowed; throws where it cannot be made (S-2).</summary>
    private SnapshotRecord? FindParentOfNew(MetadataConnection connection, string key, string? parent, List<SnapshotRecord> borrowed)
    {
        SnapshotRecord? below = null;
        if (parent is not null)
        {
            below = SnapshotTable.Find(connection, parent);
            if (below is null && borrowed.Count == 0)
                throw Missing("parent snapshot", parent);
            if (below is { Kind: not SnapshotKind.Committed })
            {
                throw new ContainerdException(
                    ErrorKind.InvalidArgument, $"Making snapshot '{Excerpt.Of(key)}': its parent '{Excerpt.Of(parent)}' is {Describe(below.Kind)}, not committed.")
                { Subject = parent };
            }
        }
        return SnapshotTable.Exists(connection, key) || IsAdditional(key) ? throw Taken(key) : below;
    }

    private void CheckCapability(string key, SnapshotterCapabilities needed, string what)
    {
        if (!Capabilities.HasFlag(needed))
            throw new ContainerdException(ErrorKind.NotSupported, $"Preparing snapshot '{Excerpt.Of(key)}': this snapshotter cannot {what} (capability {needed}).") { Subject = key };
    }

    private string FilesOf(TreeRecord tree) => TreePlace.FilesOf(tree.Place ?? _root.Path, tree.Directory);

    private static FrozenDictionary<string, string> Copy(IReadOnlyDictionary<string, string>? labels) =>
        labels is null or { Count: 0 } ? FrozenDictionary<string, string>.Empty : labels.ToFrozenDictionary(StringComparer.Ordinal);

    private sealed record Creation(
        SnapshotKind Kind, string Key, string? Parent, FrozenDictionary<string, string> Labels, IdMappings Mappings, bool IsLayer, IProgress<SnapshotProgress>? Progress);
}
