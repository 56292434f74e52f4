using System.Collections.Frozen;

namespace Containerd.Snapshots;

public sealed partial class OverlaySnapshotter
{
    /// <inheritdoc/>
    public async Task<SnapshotInfo> CommitAsync(
        string name, string key, SnapshotCommitOptions? options = null, CancellationToken cancellationToken = default)
    {
        NameRule.Validate(name, "the name of a snapshot");
        ArgumentNullException.ThrowIfNull(key);
        options ??= new SnapshotCommitOptions();
        Labels.Validate(options.Labels);
        return await Task.Run(
            () => CommitTreeAsync(name, key, options with { Labels = Copy(options.Labels) }, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<SnapshotInfo?> AdoptAsync(
        string name, string? parent, Digest diffId, IReadOnlyDictionary<string, string>? labels = null, CancellationToken cancellationToken = default)
    {
        NameRule.Validate(name, "the name of a snapshot");
        Labels.Validate(labels);
        if (diffId.IsEmpty)
            throw new ArgumentException("The empty digest names no layer.", nameof(diffId));
        FrozenDictionary<string, string> copied = Copy(labels);
        return await Task.Run(() => AdoptTreeAsync(name, parent, diffId, copied, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    private async Task<SnapshotInfo> CommitTreeAsync(string name, string key, SnapshotCommitOptions options, CancellationToken cancellationToken)
    {
        string? sharedAs = options is { IsIndependentOfParent: true, DiffId: { IsEmpty: false } diffId } ? diffId.ToString() : null;

        // The long work, outside any transaction (S-24) and before the name appears (L-12).
        (SnapshotRecord active, long? earlier) = _metadata.ReadConsistent(connection =>
        {
            SnapshotRecord record = FindForCommit(connection, name, key, options.Parent);
            return (record, FindShared(connection, record));
        });
        long ownTree = active.TreeId!.Value;
        if (_flushes)
            _trees.Flush(ownTree);
        Reached?.Invoke(StoreStep.TreeFlushed);
        SnapshotUsage usage = TreeUsage.Measure(_trees.FilesOf(ownTree), cancellationToken);
        Reached?.Invoke(StoreStep.TreeMeasured);
        long? lost = earlier is { } shared && !_trees.Exists(shared) ? shared : null;
        if (lost is not null)
            LogSharedTreeLost(_root.Path, lost.Value, options.DiffId!.Value);

        DateTimeOffset now = _timeProvider.GetUtcNow();
        (SnapshotInfo info, bool replaced) = await _metadata.WriteAsync(
            connection =>
            {
                SnapshotRecord record = FindForCommit(connection, name, key, options.Parent);
                if (record.TreeId != ownTree)
                {
                    // Removed and prepared again meanwhile: what was measured is another tree.
                    throw new ContainerdException(ErrorKind.NotFound, $"Committing snapshot '{Excerpt.Of(key)}': it was replaced by another of that key meanwhile.") { Subject = key };
                }
                if (lost is not null)
                    TreeTable.StopSharing(connection, lost.Value);

                long tree = FindShared(connection, record) ?? ownTree;
                var committed = new SnapshotInfo
                {
                    Name = name,
                    Kind = SnapshotKind.Committed,
                    Parent = record.Info.Parent,
                    Labels = options.Labels,
                    CreatedAt = now,
                    UpdatedAt = now,
                };
                SnapshotTable.Commit(connection, record.Id, committed, tree);
                if (tree == ownTree)
                    TreeTable.Seal(connection, tree, usage, sharedAs, _flushes);
                else if (_flushes)
                    TreeTable.MarkSynced(connection, tree); // the flush was of the whole file system
                return (committed, tree != ownTree && TreeTable.DeleteUnreferenced(connection, ownTree));
            },
            cancellationToken).ConfigureAwait(false);
        Reached?.Invoke(StoreStep.CommitRecorded);
        if (replaced)
        {
            Trash(ownTree);
            Reached?.Invoke(StoreStep.ReplacedTreeTrashed);
        }
        return info;

        long? FindShared(MetadataConnection connection, SnapshotRecord record) =>
            sharedAs is null ? null : TreeTable.FindByDiffId(connection, sharedAs, overParent: record.ParentId is not null)?.Id;
    }

    private async Task<SnapshotInfo?> AdoptTreeAsync(
        string name, string? parent, Digest diffId, FrozenDictionary<string, string> labels, CancellationToken cancellationToken)
    {
        (long Id, bool Synced)? found = _metadata.ReadConsistent(connection =>
        {
            FindParentForName(connection, name, parent);
            return TreeTable.FindByDiffId(connection, diffId.ToString(), overParent: parent is not null);
        });
        if (found is not { } tree)
            return null;
        if (!_trees.Exists(tree.Id))
        {
            LogSharedTreeLost(_root.Path, tree.Id, diffId);
            return null;
        }
        bool flushes = _flushes && !tree.Synced;
        if (flushes)
            _trees.Flush(tree.Id);

        DateTimeOffset now = _timeProvider.GetUtcNow();
        SnapshotInfo? adopted = await _metadata.WriteAsync(
            connection =>
            {
                SnapshotRecord? below = FindParentForName(connection, name, parent);
                if (TreeTable.FindByDiffId(connection, diffId.ToString(), overParent: parent is not null)?.Id != tree.Id)
                    return null; // the last chain that had it was removed meanwhile
                if (flushes)
                    TreeTable.MarkSynced(connection, tree.Id);
                var info = new SnapshotInfo { Name = name, Kind = SnapshotKind.Committed, Parent = parent, Labels = labels, CreatedAt = now, UpdatedAt = now };
                SnapshotTable.Insert(connection, info, below?.Id, tree.Id);
                return info;
            },
            cancellationToken).ConfigureAwait(false);
        if (adopted is not null)
            Reached?.Invoke(StoreStep.AdoptionRecorded);
        return adopted;
    }

    /// <summary>The active snapshot to commit; throws where it cannot be, in the order of S-3.</summary>
    private static SnapshotRecord FindForCommit(MetadataConnection connection, string name, string key, string? parent)
    {
        if (SnapshotTable.Exists(connection, name))
            throw Taken(name);
        SnapshotRecord record = SnapshotTable.Find(connection, key) ?? throw Missing("active snapshot", key);
        if (record.Kind != SnapshotKind.Active)
        {
            throw new ContainerdException(ErrorKind.FailedPrecondition, $"Committing snapshot '{Excerpt.Of(key)}': it is {Describe(record.Kind)}, not active.") { Subject = key };
        }
        if (parent is null || parent == record.Info.Parent)
            return record;
        if (record.Info.Parent is null)
        {
            throw new ContainerdException(
                ErrorKind.NotSupported,
                $"Committing snapshot '{Excerpt.Of(key)}' on '{Excerpt.Of(parent)}': it was prepared without a parent, and this snapshotter cannot rebase (capability {nameof(SnapshotterCapabilities.Rebase)}).")
            { Subject = key };
        }
        throw new ContainerdException(
            ErrorKind.InvalidArgument, $"Committing snapshot '{Excerpt.Of(key)}' on '{Excerpt.Of(parent)}': it was prepared on '{Excerpt.Of(record.Info.Parent)}'.")
        { Subject = key };
    }

    private static SnapshotRecord? FindParentForName(MetadataConnection connection, string name, string? parent)
    {
        if (SnapshotTable.Exists(connection, name))
            throw Taken(name);
        return FindParentOfNew(connection, name, parent);
    }
}
