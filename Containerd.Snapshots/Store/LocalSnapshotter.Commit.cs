using System.Collections.Frozen;

namespace Containerd.Snapshots;

public abstract partial class LocalSnapshotter
{
    private const string BootIdFile = "/proc/sys/kernel/random/boot_id";

    private static string BootId { get; } = File.Exists(BootIdFile) ? File.ReadAllText(BootIdFile).Trim() : "";

    /// <inheritdoc/>
    /// <exception cref="ContainerdException">-or- <see cref="ErrorKind.FailedPrecondition"/>: given a parent, that has something else where the layer, without describing
    /// it, has a directory; apply the layer on the parent instead. -or- <see cref="ErrorKind.DataCorrupted"/>: as of <see cref="MountsAsync"/>. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: the disk is full, or directories are nested deeper than 2048.</exception>
    public async Task<SnapshotInfo> CommitAsync(
        string name, string key, SnapshotCommitOptions? options = null, CancellationToken cancellationToken = default)
    {
        NameRule.Validate(name, "the name of a snapshot");
        ArgumentNullException.ThrowIfNull(key);
        options ??= new SnapshotCommitOptions();
        Labels.Validate(options.Labels);
        CheckWritable("Committing snapshot", key);
        CheckNotAdditional(name);
        options = options with { Labels = Copy(options.Labels) };
        // What this object has prepared it need not read, where nothing else is asked; the transaction looks all the same.
        if (_driver.Stacks && options is { DiffId: null, Parent: null } && _prepared.TryTake(key, out TreeRecord prepared) && prepared is { Place: null, Boot: null }
            && await OnPoolAsync(() => CommitPreparedAsync(name, key, options, prepared, cancellationToken), cancellationToken).ConfigureAwait(false) is { } committed)
        {
            return committed;
        }
        return await Task.Run(() => CommitTreeAsync(name, key, options, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Commits a tree that this object has prepared; null where that did not work, for whatever reason, which is found out by reading.</summary>
    private async Task<SnapshotInfo?> CommitPreparedAsync(string name, string key, SnapshotCommitOptions options, TreeRecord prepared, CancellationToken cancellationToken)
    {
        try
        {
            return await SealAsync(new Sealing(name, key, options, null, prepared, null, IsGuess: true), prepared.Id, [], [], cancellationToken).ConfigureAwait(false);
        }
        catch (ContainerdException)
        {
            return null;
        }
    }

    // A worker of the pool that waits for another is no gain: the other is woken, and both cost more than brief work. Who is not on the pool is not kept.
    private static Task<T> OnPoolAsync<T>(Func<Task<T>> work, CancellationToken cancellationToken)
    {
        bool isThere = Thread.CurrentThread.IsThreadPoolThread && SynchronizationContext.Current is null;
        return !isThere ? Task.Run(work, cancellationToken)
            : cancellationToken.IsCancellationRequested ? Task.FromCanceled<T>(cancellationToken)
            : work();
    }

    /// <inheritdoc/>
    public async Task<SnapshotInfo?> AdoptAsync(
        string name, string? parent, Digest diffId, IReadOnlyDictionary<string, string>? labels = null, CancellationToken cancellationToken = default)
    {
        NameRule.Validate(name, "the name of a snapshot");
        Labels.Validate(labels);
        if (diffId.IsEmpty)
            throw new ArgumentException("The empty digest names no layer.", nameof(diffId));
        CheckWritable("Adopting snapshot", name);
        CheckNotAdditional(name);
        FrozenDictionary<string, string> copied = Copy(labels);
        return await Task.Run(() => AdoptTreeAsync(name, parent, diffId, copied, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    private async Task<SnapshotInfo> CommitTreeAsync(string name, string key, SnapshotCommitOptions options, CancellationToken cancellationToken)
    {
        string? sharedAs = _driver.Stacks && options is { IsIndependentOfParent: true, DiffId: { IsEmpty: false } diffId } ? diffId.ToString() : null;
        List<SnapshotRecord> borrowed = BorrowableChain(options.Parent);

        // The long work, outside any transaction (S-24) and before the name appears (L-12).
        (SnapshotRow active, TreeRecord tree, List<TreeRecord> chain, TreeRecord? earlier) = _metadata.ReadToWrite(connection =>
        {
            (SnapshotRow row, Parent? below) = FindForCommit(connection, name, key, options.Parent, borrowed);
            // Whose trees are stacked needs to see what is beneath only to be fitted onto it.
            bool needsChain = !_driver.Stacks || row.ParentId is null;
            List<TreeRecord> beneath = !needsChain ? [] : below is not null ? SnapshotTable.Chain(connection, below.Value.Id) : borrowed.ConvertAll(one => one.Tree!.Value);
            return (row, TreeTable.Find(connection, row.TreeId!.Value)!.Value, beneath, FindShared(connection, sharedAs, row, below is not null || borrowed.Count > 0));
        });
        CheckBoot(key, tree);
        if (options.Parent is not null && active.ParentId is null)
        {
            _driver.Rebase(FilesOf(tree), chain.ConvertAll(FilesOf), cancellationToken);
            Reached?.Invoke(StoreStep.TreeRebased);
        }
        if (earlier is { } shared && !Directory.Exists(FilesOf(shared)))
            LogSharedTreeLost(_root.Path, shared.Id, options.DiffId!.Value);
        else
            earlier = null;

        TreePlace place = _places.Of(tree);
        var sealing = new Sealing(name, key, options, sharedAs, tree, Lost: earlier?.Id, IsGuess: false);
        if (place == _places.Own)
            return (await SealAsync(sealing, tree.Id, chain, borrowed, cancellationToken).ConfigureAwait(false))!;

        // Written in another place: it becomes a tree of its own where the layers are, so that clean-up knows whose it is until the metadata does.
        long home = await BeginTreeAsync(_places.Own, cancellationToken).ConfigureAwait(false);
        try
        {
            new FileTreeCopier().Copy(place.FilesOf(tree.Directory), _places.Own.FilesOf(home), null, CopyingProgress.Of(options.Progress), cancellationToken);
            Reached?.Invoke(StoreStep.TreeMoved);
            SnapshotInfo info = (await SealAsync(sealing, home, chain, borrowed, cancellationToken).ConfigureAwait(false))!;
            Trash(place, tree.Directory);
            _cleaner?.Wake();
            return info;
        }
        catch
        {
            Abandon(_places.Own, home);
            throw;
        }
        finally
        {
            _ids!.Done(home);
        }
    }

    private sealed record Sealing(string Name, string Key, SnapshotCommitOptions Options, string? SharedAs, TreeRecord Tree, long? Lost, bool IsGuess);

    /// <summary>Flushes, measures and records.</summary>
    /// <param name="sealing">What is committed.</param>
    /// <param name="home">The tree in the store's own directory: the snapshot's, or a copy of it.</param>
    /// <param name="chain">The trees beneath.</param>
    /// <param name="borrowed">The parent's chain, where another store has it.</param>
    /// <param name="cancellationToken">Stops before the change is made.</param>
    /// <returns>The committed snapshot; null where the tree was a guess, and is another.</returns>
    private async Task<SnapshotInfo?> SealAsync(
        Sealing sealing, long home, List<TreeRecord> chain, List<SnapshotRecord> borrowed, CancellationToken cancellationToken)
    {
        (string name, string key, SnapshotCommitOptions options, string? sharedAs, TreeRecord tree, long? lost, bool isGuess) = sealing;
        if (_flushes)
            _places.Own.Flush(home);
        Reached?.Invoke(StoreStep.TreeFlushed);
        TreeMeasure measure = _driver.Measure(_places.Own.FilesOf(home), chain.Count > 0 ? FilesOf(chain[0]) : null, options.Progress, cancellationToken);
        Reached?.Invoke(StoreStep.TreeMeasured);

        DateTimeOffset now = _timeProvider.GetUtcNow();
        (SnapshotInfo? info, bool isReplaced) = await _metadata.WriteAsync<(SnapshotInfo?, bool)>(
            connection =>
            {
                (SnapshotRow row, Parent? below) = FindForCommit(connection, name, key, options.Parent, borrowed);
                if (below is null && Borrow(connection, borrowed) is { } lent)
                    below = new Parent(lent.Row.Id, options.Parent!);
                if (row.TreeId != tree.Id)
                {
                    if (isGuess)
                        return (null, false);
                    // Removed and prepared again meanwhile: what was measured is another tree.
                    throw new ContainerdException(ErrorKind.NotFound, $"Committing snapshot '{Excerpt.Of(key)}': it was replaced by another of that key meanwhile.") { Subject = key };
                }
                if (lost is { } shared)
                    TreeTable.StopSharing(connection, shared);

                long kept = FindShared(connection, sharedAs, row, below is not null)?.Id ?? home;
                var committed = new SnapshotInfo
                {
                    Name = name,
                    Kind = SnapshotKind.Committed,
                    Parent = below?.Name,
                    Labels = options.Labels,
                    CreatedAt = now,
                    UpdatedAt = now,
                };
                if (kept == home && home != tree.Id)
                    TreeTable.Insert(connection, home, null, tree.KeepsDeletions, null);
                SnapshotTable.Commit(connection, row, committed, below?.Id, kept);
                if (kept == home)
                {
                    // Of its own kind another may be shared that did not fit here.
                    bool isFirst = sharedAs is not null && !TreeTable.IsShared(connection, sharedAs, tree.KeepsDeletions);
                    TreeTable.Seal(connection, kept, measure, isFirst ? sharedAs : null, _flushes);
                }
                else if (_flushes)
                    TreeTable.MarkSynced(connection, kept); // the flush was of the whole file system
                if (kept != tree.Id)
                    TreeTable.DeleteUnreferenced(connection, tree.Id);
                return (committed, kept != home);
            },
            cancellationToken).ConfigureAwait(false);
        if (info is null)
            return null;
        Reached?.Invoke(StoreStep.CommitRecorded);
        if (isReplaced)
        {
            Trash(_places.Own, home);
            Reached?.Invoke(StoreStep.ReplacedTreeTrashed);
            _cleaner?.Wake();
        }
        else
            Close(home);
        return info;
    }

    // It is committed whatever this does: nothing that uses the store writes to it.
    private void Close(long tree)
    {
        try
        {
            _driver.Seal(_places.Own, tree);
        }
        catch (ContainerdException e)
        {
            LogNotClosed(_root.Path, tree, e.Message);
        }
    }

    private async Task<SnapshotInfo?> AdoptTreeAsync(
        string name, string? parent, Digest diffId, FrozenDictionary<string, string> labels, CancellationToken cancellationToken)
    {
        string layer = diffId.ToString();
        List<SnapshotRecord> borrowed = BorrowableChain(parent);
        (TreeRecord Tree, bool Synced)? found = _metadata.ReadToWrite(connection =>
        {
            FindParentOfNew(connection, name, parent, borrowed, null);
            return TreeTable.FindByDiffId(connection, layer, overParent: parent is not null);
        });
        if (found is { } own && !Directory.Exists(FilesOf(own.Tree)))
        {
            LogSharedTreeLost(_root.Path, own.Tree.Id, diffId);
            return null;
        }
        (TreeRecord Tree, TreeMeasure Measure)? foreign = found is null ? FindForeignTree(layer, parent is not null) : null;
        if (found is null && foreign is null)
            return null;
        bool flushes = _flushes && found is { Synced: false };
        if (flushes)
            _places.Own.Flush(found!.Value.Tree.Id);

        DateTimeOffset now = _timeProvider.GetUtcNow();
        SnapshotInfo? adopted = await _metadata.WriteAsync(
            connection =>
            {
                KnownParent? below = FindParentOfNew(connection, name, parent, borrowed, null) ?? Borrow(connection, borrowed);
                long tree;
                if (foreign is { } lent)
                    tree = BorrowTree(connection, lent.Tree, lent.Measure);
                else if (TreeTable.FindByDiffId(connection, layer, overParent: parent is not null)?.Tree.Id == found!.Value.Tree.Id)
                    tree = found.Value.Tree.Id;
                else
                    return null; // the last chain that had it was removed meanwhile
                if (flushes)
                    TreeTable.MarkSynced(connection, tree);
                var info = new SnapshotInfo { Name = name, Kind = SnapshotKind.Committed, Parent = parent, Labels = labels, CreatedAt = now, UpdatedAt = now };
                SnapshotTable.TryInsert(connection, info, below?.Row.Id, tree, IdMappings.None, isBorrowed: false);
                return info;
            },
            cancellationToken).ConfigureAwait(false);
        if (adopted is not null)
            Reached?.Invoke(StoreStep.AdoptionRecorded);
        return adopted;
    }

    private (TreeRecord Tree, TreeMeasure Measure)? FindForeignTree(string layer, bool overParent)
    {
        if (!_driver.Stacks)
            return null;
        foreach (AdditionalStore store in _additional)
        {
            if (store.FindByDiffId(layer, overParent) is not { } found)
                continue;
            TreeRecord tree = found.Tree with { Place = found.Tree.Place ?? store.Path, IsForeign = true };
            if (Directory.Exists(FilesOf(tree)))
                return (tree, found.Measure);
        }
        return null;
    }

    /// <summary>The tree that is kept for a layer already, and can take the place of this snapshot's own; null where there is none.</summary>
    private static TreeRecord? FindShared(MetadataConnection connection, string? sharedAs, SnapshotRow active, bool overParent) =>
        sharedAs is not null && TreeTable.FindByDiffId(connection, sharedAs, overParent) is { } found && found.Tree.Id != active.TreeId ? found.Tree : null;

    /// <summary>The active snapshot to commit, and its parent, null where it has none or is to be borrowed; throws where it cannot be, in the order of S-3.</summary>
    private (SnapshotRow Active, Parent? Below) FindForCommit(
        MetadataConnection connection, string name, string key, string? parent, List<SnapshotRecord> borrowed)
    {
        if (SnapshotTable.Exists(connection, name))
            throw Taken(name);
        SnapshotRow active = SnapshotTable.FindRow(connection, key) ?? throw Missing("active snapshot", key);
        if (active.Kind != SnapshotKind.Active)
        {
            throw new ContainerdException(ErrorKind.FailedPrecondition, $"Committing snapshot '{Excerpt.Of(key)}': it is {Describe(active.Kind)}, not active.") { Subject = key };
        }
        if (parent is null || parent == active.Parent)
            return (active, active.ParentId is { } id ? new Parent(id, active.Parent!) : null); // the database lets no parent vanish
        if (active.Parent is not null)
        {
            throw new ContainerdException(
                ErrorKind.InvalidArgument, $"Committing snapshot '{Excerpt.Of(key)}' on '{Excerpt.Of(parent)}': it was prepared on '{Excerpt.Of(active.Parent)}'.")
            { Subject = key };
        }
        if (!Capabilities.HasFlag(SnapshotterCapabilities.Rebase))
        {
            throw new ContainerdException(
                ErrorKind.NotSupported,
                $"Committing snapshot '{Excerpt.Of(key)}' on '{Excerpt.Of(parent)}': it was prepared without a parent, and this snapshotter cannot rebase (capability {nameof(SnapshotterCapabilities.Rebase)}).")
            { Subject = key };
        }
        SnapshotRow? below = SnapshotTable.FindRow(connection, parent);
        if (below is null && borrowed.Count == 0)
            throw Missing("parent snapshot", parent);
        if (below is { Kind: not SnapshotKind.Committed })
        {
            throw new ContainerdException(
                ErrorKind.FailedPrecondition, $"Committing snapshot '{Excerpt.Of(key)}' on '{Excerpt.Of(parent)}': that is {Describe(below.Value.Kind)}, not committed.")
            { Subject = parent };
        }
        return (active, below is { } found ? new Parent(found.Id, parent) : null);
    }

    private readonly record struct Parent(long Id, string Name);

    private static void CheckBoot(string key, TreeRecord tree)
    {
        if (tree.Boot is { } boot && boot != BootId)
        {
            throw new ContainerdException(
                ErrorKind.DataCorrupted,
                $"Snapshot '{Excerpt.Of(key)}' was mounted without ever flushing (volatile), and the machine has been restarted since: what it holds is not what was written. Remove it and prepare it anew.")
            { Subject = key };
        }
    }
}
