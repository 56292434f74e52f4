using System.Collections.Frozen;

namespace Containerd.Snapshots;

public sealed partial class OverlaySnapshotter
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
        if (options is { UserMappings.Count: > 0 } or { GroupMappings.Count: > 0 })
        {
            throw new ContainerdException(ErrorKind.NotSupported, $"Preparing snapshot '{Excerpt.Of(key)}': this snapshotter cannot map IDs (capability {nameof(SnapshotterCapabilities.RemapIds)}).")
            {
                Subject = key,
            };
        }
        FrozenDictionary<string, string> labels = Copy(options?.Labels);
        return await Task.Run(
            () => kind == SnapshotKind.View && parent is not null
                ? RecordAsync(kind, key, parent, labels, treeId: null, cancellationToken)
                : CreateWithTreeAsync(kind, key, parent, labels, cancellationToken),
            cancellationToken).ConfigureAwait(false);
    }

    private async Task<IReadOnlyList<Mount>> CreateWithTreeAsync(
        SnapshotKind kind, string key, string? parent, FrozenDictionary<string, string> labels, CancellationToken cancellationToken)
    {
        // What cannot succeed is told before a directory is made; the transaction looks again.
        SnapshotRecord? below = _metadata.ReadConsistent(connection => FindParentOfNew(connection, key, parent));
        long id = await _ids.NextAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            _trees.Make(id, below?.TreeId, writable: kind == SnapshotKind.Active);
            Reached?.Invoke(StoreStep.TreeMade);
            return await RecordAsync(kind, key, parent, labels, id, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Abandon(id);
            throw;
        }
        finally
        {
            _ids.Done(id);
        }
    }

    // Of a transaction that failed in its last moment nobody knows whether it happened: only the metadata says whether the tree is garbage. Where
    // even that cannot be read, or the tree not be deleted, it stays for the next clean-up.
    private void Abandon(long id)
    {
        try
        {
            if (!_metadata.Read(connection => TreeTable.Exists(connection, id)))
                _trees.Discard(id);
        }
        catch (Exception e) when (e is ContainerdException or ObjectDisposedException)
        {
            LogGarbageStays(_root.Path, id, e.Message);
        }
    }

    private async Task<IReadOnlyList<Mount>> RecordAsync(
        SnapshotKind kind, string key, string? parent, FrozenDictionary<string, string> labels, long? treeId, CancellationToken cancellationToken)
    {
        DateTimeOffset now = _timeProvider.GetUtcNow();
        List<long> parents = await _metadata.WriteAsync(
            connection =>
            {
                SnapshotRecord? below = FindParentOfNew(connection, key, parent);
                if (treeId is { } id)
                    TreeTable.Insert(connection, id, overParent: below is not null);
                var info = new SnapshotInfo { Name = key, Kind = kind, Parent = parent, Labels = labels, CreatedAt = now, UpdatedAt = now };
                SnapshotTable.Insert(connection, info, below?.Id, treeId);
                return below is null ? [] : SnapshotTable.Chain(connection, below.Id);
            },
            cancellationToken).ConfigureAwait(false);
        Reached?.Invoke(StoreStep.SnapshotRecorded);
        return _mounts.Of(kind, treeId, parents);
    }

    /// <summary>The parent of a snapshot to be made, null where it has none; throws where it cannot be made (S-2).</summary>
    private static SnapshotRecord? FindParentOfNew(MetadataConnection connection, string key, string? parent)
    {
        SnapshotRecord? below = null;
        if (parent is not null)
        {
            below = SnapshotTable.Find(connection, parent) ?? throw Missing("parent snapshot", parent);
            if (below.Kind != SnapshotKind.Committed)
            {
                throw new ContainerdException(
                    ErrorKind.InvalidArgument, $"Making snapshot '{Excerpt.Of(key)}': its parent '{Excerpt.Of(parent)}' is {Describe(below.Kind)}, not committed.")
                { Subject = parent };
            }
        }
        return SnapshotTable.Exists(connection, key) ? throw Taken(key) : below;
    }

    private static FrozenDictionary<string, string> Copy(IReadOnlyDictionary<string, string>? labels) =>
        labels is null or { Count: 0 } ? FrozenDictionary<string, string>.Empty : labels.ToFrozenDictionary(StringComparer.Ordinal);

    private static ContainerdException Missing(string what, string name) =>
        new(ErrorKind.NotFound, $"No {what} '{Excerpt.Of(name)}' in the overlay snapshotter.") { Subject = name };

    private static ContainerdException Taken(string name) =>
        new(ErrorKind.AlreadyExists, $"A snapshot '{Excerpt.Of(name)}' exists already in the overlay snapshotter.") { Subject = name };

    private static string Describe(SnapshotKind kind) => kind switch
    {
        SnapshotKind.View => "a view",
        SnapshotKind.Active => "active",
        _ => "committed",
    };
}
