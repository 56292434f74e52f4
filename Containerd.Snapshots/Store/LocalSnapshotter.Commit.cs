using System.Collections.Frozen;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

public abstract partial class LocalSnapshotter
{
    private const string BootIdFile = "/proc/sys/kernel/random/boot_id";

    private static readonly TimeSpan SilentWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LockPause = TimeSpan.FromMilliseconds(5);

    private static string BootId { get; } = File.Exists(BootIdFile) ? File.ReadAllText(BootIdFile).Trim() : "";

    /// <inheritdoc/>
    /// <exception cref="ContainerdException">-or- <see cref="ErrorKind.FailedPrecondition"/>: given a parent, that has something else where the layer, without describing
    /// it, has a directory; apply the layer on the parent instead. -or- <see cref="ErrorKind.DataCorrupted"/>: as of <see cref="MountsAsync"/>. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: the disk is full, or directories are nested deeper than 2048. -or- <see cref="ErrorKind.Unavailable"/>: another call, of any process, has been
    /// committing the snapshot for <see cref="LocalSnapshotterOptions.BusyTimeout"/>.</exception>
    /// <remarks>A process that is killed while it fits a layer onto its parent may leave directories of the active snapshot with attributes of the parent; committing it again makes them right.</remarks>
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
        // Not under its own key: that name is taken, and is free by the time the transaction looks.
        if (_driver.Stacks && name != key && options is { DiffId: null, Parent: null } && _prepared.TryTake(key, out Prepared prepared) && prepared.Tree is { Place: null, Boot: null }
            && await OnPoolAsync(() => CommitPreparedAsync(name, key, options, prepared, cancellationToken), cancellationToken).ConfigureAwait(false) is { } committed)
        {
            return committed;
        }
        return await Task.Run(() => CommitTreeAsync(name, key, options, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Commits a tree that this object has prepared; null where that did not work, for whatever reason, which is found out by reading, unless that would be waiting once more.</summary>
    private async Task<SnapshotInfo?> CommitPreparedAsync(string name, string key, SnapshotCommitOptions options, Prepared prepared, CancellationToken cancellationToken)
    {
        try
        {
            using SafeFileHandle? held = prepared.Parent is null ? _places.Own.TryLock(prepared.Tree.Id) : null;
            if (prepared.Parent is null && held is null)
                return null;
            TreeMeasure measure = Finish(prepared.Tree.Id, null, options.Progress, cancellationToken);
            SnapshotInfo info = NewCommitted(name, prepared.Parent, options);
            CommittedTree committed = Committed(prepared.Tree, measure, null);
            await _metadata.WriteAsync(
                connection =>
                {
                    Rename(connection, key, prepared.Tree.Id, info, committed);
                    return true;
                },
                cancellationToken).ConfigureAwait(false);
            Reached?.Invoke(StoreStep.CommitRecorded);
            Close(prepared.Tree.Id);
            return info;
        }
        catch (ContainerdException e) when (e.Kind != ErrorKind.Unavailable)
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
        using SafeFileHandle? held = await LockAsync(key, cancellationToken).ConfigureAwait(false);

        // The long work, outside any transaction (S-24) and before the name appears (L-12).
        (SnapshotRow? fitted, TreeRecord tree, List<TreeRecord> chain, CommittedTree? earlier) = _metadata.ReadToWrite(connection =>
        {
            (SnapshotRecord record, string? below) = FindForCommit(connection, name, key, options.Parent, borrowed);
            // Whose trees are stacked needs to see what is beneath only to be fitted onto it.
            bool needsChain = !_driver.Stacks || record.Info.Parent is null;
            List<TreeRecord> beneath = !needsChain ? [] : below is not null ? SnapshotTable.Chain(connection, below) : ChainOfBorrowed(connection, borrowed);
            SnapshotRow? onto = options.Parent is null || record.Info.Parent is not null ? null
                : below is not null ? SnapshotTable.FindRow(connection, below)
                : RowOf(borrowed[0]);
            return (onto, record.Tree ?? throw SnapshotTable.WithoutTree(key), beneath, FindShared(connection, sharedAs, record, below is not null || borrowed.Count > 0));
        });
        CheckBoot(key, tree);
        long? lost = null;
        if (earlier is { } shared && !Directory.Exists(FilesOf(shared.Tree)))
        {
            lost = shared.Tree.Id;
            LogSharedTreeLost(_root.Path, shared.Tree.Id, options.DiffId!.Value);
        }

        var sealing = new Sealing(name, key, options, sharedAs, tree, Earlier: earlier?.Tree.Id, lost, fitted);
        if (fitted is null)
            return await BringHomeAndSealAsync(sealing, chain, borrowed, cancellationToken).ConfigureAwait(false);
        var onParent = new FittedTree(FilesOf(tree));
        try
        {
            _driver.Rebase(onParent, chain.ConvertAll(FilesOf), cancellationToken);
            Reached?.Invoke(StoreStep.TreeRebased);
            return await BringHomeAndSealAsync(sealing, chain, borrowed, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Undo(onParent, sealing);
            throw;
        }
    }

    /// <summary>Takes the lock of an active snapshot without a parent: a commit may fit it onto one, and undo that, while no other commit looks at it. Null where there is none to lock.</summary>
    private async ValueTask<SafeFileHandle?> LockAsync(string key, CancellationToken cancellationToken)
    {
        long start = _timeProvider.GetTimestamp();
        bool told = false;
        while (FindRecord(key) is { Kind: SnapshotKind.Active, Info.Parent: null, Tree: { } tree } && Directory.Exists(FilesOf(tree)))
        {
            SafeFileHandle? held = _places.Of(tree).TryLock(tree.Id);
            bool isIts = false;
            try
            {
                isIts = held is not null && FindRecord(key)?.Tree == tree;
                if (isIts)
                    return held;
            }
            finally
            {
                if (!isIts)
                    held?.Dispose();
            }
            TimeSpan waited = _timeProvider.GetElapsedTime(start);
            if (waited >= _busyTimeout)
            {
                throw new ContainerdException(
                    ErrorKind.Unavailable, $"Committing snapshot '{Excerpt.Of(key)}': another call has been committing it for {waited.TotalSeconds:F1} s; it may be stopped.")
                { Subject = key };
            }
            if (!told && waited >= SilentWait)
            {
                told = true;
                LogWaitingForCommit(key, _root.Path);
            }
            await Task.Delay(LockPause, _timeProvider, cancellationToken).ConfigureAwait(false);
        }
        return null;
    }

    // Of a transaction that failed in its last moment nobody knows whether it happened. What was committed stays as it is.
    private void Undo(FittedTree fitted, Sealing sealing)
    {
        try
        {
            if (!sealing.MayBeRecorded || FindRecord(sealing.Key) is { Kind: SnapshotKind.Active } record && record.Tree == sealing.Tree)
                fitted.Restore();
        }
        catch (Exception e) when (e is ContainerdException or ObjectDisposedException)
        {
            LogNotRestored(_root.Path, sealing.Tree.Id, e.Message);
        }
    }

    /// <summary>Brings a tree that was written in another place to where the layers are, and then as <see cref="SealAsync"/>.</summary>
    private async Task<SnapshotInfo> BringHomeAndSealAsync(Sealing sealing, List<TreeRecord> chain, List<SnapshotRecord> borrowed, CancellationToken cancellationToken)
    {
        TreeRecord tree = sealing.Tree;
        TreePlace place = _places.Of(tree);
        if (place == _places.Own)
            return await SealAsync(sealing, tree.Id, chain, borrowed, cancellationToken).ConfigureAwait(false);

        // Written in another place: it becomes a tree of its own where the layers are, so that clean-up knows whose it is until the metadata does.
        long home = await BeginTreeAsync(_places.Own, cancellationToken).ConfigureAwait(false);
        try
        {
            new FileTreeCopier().Copy(place.FilesOf(tree.Id), _places.Own.FilesOf(home), null, CopyingProgress.Of(sealing.Options.Progress), cancellationToken);
            Reached?.Invoke(StoreStep.TreeMoved);
            SnapshotInfo info = await SealAsync(sealing, home, chain, borrowed, cancellationToken).ConfigureAwait(false);
            Trash(place, tree.Id);
            _cleaner?.Wake();
            return info;
        }
        catch
        {
            Abandon(_places.Own, home, mayBeRecorded: true);
            throw;
        }
        finally
        {
            _ids!.Done(home);
        }
    }

    private sealed record Sealing(string Name, string Key, SnapshotCommitOptions Options, string? SharedAs, TreeRecord Tree, long? Earlier, long? Lost, SnapshotRow? Fitted)
    {
        /// <summary>Whether the change was made, unless its transaction failed in the last moment.</summary>
        public bool MayBeRecorded { get; set; }
    }

    /// <summary>Flushes, measures and records.</summary>
    /// <param name="sealing">What is committed.</param>
    /// <param name="home">The tree in the store's own directory: the snapshot's, or a copy of it.</param>
    /// <param name="chain">The trees beneath.</param>
    /// <param name="borrowed">The parent's chain, where another store has it.</param>
    /// <param name="cancellationToken">Stops before the change is made.</param>
    private async Task<SnapshotInfo> SealAsync(
        Sealing sealing, long home, List<TreeRecord> chain, List<SnapshotRecord> borrowed, CancellationToken cancellationToken)
    {
        TreeMeasure measure = Finish(home, chain.Count > 0 ? chain[0] : null, sealing.Options.Progress, cancellationToken);
        long? flushed = sealing.Earlier;
        Sealed result;
        // What another has committed after the flush may have been written after it too.
        while ((result = await RecordAsync(sealing, home, measure, flushed, borrowed, cancellationToken).ConfigureAwait(false)).Info is null)
        {
            Flush(home);
            flushed = result.Unflushed;
        }
        Reached?.Invoke(StoreStep.CommitRecorded);
        if (result.IsReplaced)
        {
            Trash(_places.Own, home);
            Reached?.Invoke(StoreStep.ReplacedTreeTrashed);
            _cleaner?.Wake();
        }
        else
            Close(home);
        return result.Info;
    }

    /// <summary>What came of recording: without info nothing, since the tree that is shared has to be flushed first.</summary>
    private readonly record struct Sealed(SnapshotInfo? Info, bool IsReplaced, long? Unflushed);

    private Task<Sealed> RecordAsync(
        Sealing sealing, long home, TreeMeasure measure, long? flushed, List<SnapshotRecord> borrowed, CancellationToken cancellationToken)
    {
        (string name, string key, SnapshotCommitOptions options, string? sharedAs, TreeRecord tree, _, long? lost, SnapshotRow? fitted) = sealing;
        return _metadata.WriteAsync(
            connection =>
            {
                (SnapshotRecord record, string? below) = FindForCommit(connection, name, key, options.Parent, borrowed);
                // Removed and prepared again meanwhile: what was measured is another tree.
                if (record.Tree != tree)
                    throw new ContainerdException(ErrorKind.NotFound, $"Committing snapshot '{Excerpt.Of(key)}': it was replaced by another of that key meanwhile.") { Subject = key };
                if (lost is { } gone)
                    SnapshotTable.StopSharing(connection, gone);
                CommittedTree? shared = FindShared(connection, sharedAs, record, below is not null || borrowed.Count > 0);
                bool isUnflushed = _flushes && shared is { Synced: false };
                if (isUnflushed && shared!.Value.Tree.Id != flushed)
                    return new Sealed(null, false, shared.Value.Tree.Id);
                if (below is null)
                    below = Borrow(connection, borrowed)?.Row.Name;
                // Counted only as what the tree was fitted onto.
                if (fitted is { } parent && !SnapshotTable.TryAddChild(connection, parent))
                {
                    throw new ContainerdException(
                        ErrorKind.NotFound,
                        $"Committing snapshot '{Excerpt.Of(key)}': its parent '{Excerpt.Of(parent.Name)}' was replaced by another of that name meanwhile; commit it again.")
                    { Subject = parent.Name };
                }

                // Of its own kind another may be shared that did not fit here.
                bool isFirst = sharedAs is not null && !SnapshotTable.IsShared(connection, sharedAs, tree.KeepsDeletions);
                SnapshotInfo committed = NewCommitted(name, below, options);
                Rename(connection, key, tree.Id, committed, shared ?? Committed(tree with { Id = home }, measure, isFirst ? sharedAs : null));
                sealing.MayBeRecorded = true;
                if (isUnflushed)
                    SnapshotTable.MarkSynced(connection, shared!.Value.Tree.Id); // the flush was of the whole file system
                return new Sealed(committed, shared is not null, null);
            },
            cancellationToken);
    }

    // Another row, since a row lies where its name leads; SQLite would need a table of its own to change that in place.
    private void Rename(MetadataConnection connection, string key, long tree, SnapshotInfo info, in CommittedTree committed)
    {
        if (!SnapshotTable.TryTakeActive(connection, key, tree))
            throw Missing("active snapshot", key);
        if (!SnapshotTable.TryInsertCommitted(connection, info, committed))
            throw Taken(info.Name);
    }

    /// <summary>Flushes and measures a tree in the store's own directory.</summary>
    private TreeMeasure Finish(long home, TreeRecord? beneath, IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken)
    {
        Flush(home);
        TreeMeasure measure = _driver.Measure(_places.Own.FilesOf(home), beneath is { } parent ? FilesOf(parent) : null, progress, cancellationToken);
        Reached?.Invoke(StoreStep.TreeMeasured);
        return measure;
    }

    private void Flush(long home)
    {
        if (_flushes)
            _places.Own.Flush(home);
        Reached?.Invoke(StoreStep.TreeFlushed);
    }

    private CommittedTree Committed(TreeRecord tree, TreeMeasure measure, string? diffId) =>
        new(tree with { Place = null, HasDeletions = measure.HasDeletions, Boot = null }, measure, diffId, _flushes);

    private SnapshotInfo NewCommitted(string name, string? parent, SnapshotCommitOptions options)
    {
        DateTimeOffset now = _timeProvider.GetUtcNow();
        return new SnapshotInfo { Name = name, Kind = SnapshotKind.Committed, Parent = parent, Labels = options.Labels, CreatedAt = now, UpdatedAt = now };
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
        CommittedTree? found = _metadata.ReadToWrite(connection =>
        {
            FindParentOfNew(connection, name, parent, borrowed);
            return SnapshotTable.FindShared(connection, layer, overParent: parent is not null);
        });
        if (found is { } own && !Directory.Exists(FilesOf(own.Tree)))
        {
            LogSharedTreeLost(_root.Path, own.Tree.Id, diffId);
            return null;
        }
        CommittedTree? foreign = found is null ? FindForeignTree(layer, parent is not null) : null;
        if (found is null && foreign is null)
            return null;
        bool flushes = _flushes && found is { Synced: false };
        if (flushes)
            _places.Own.Flush(found!.Value.Tree.Id);

        DateTimeOffset now = _timeProvider.GetUtcNow();
        SnapshotInfo? adopted = await _metadata.WriteAsync(
            connection =>
            {
                CommittedTree? tree = foreign ?? SnapshotTable.FindShared(connection, layer, overParent: parent is not null);
                if (tree is null || (foreign is null && tree.Value.Tree.Id != found!.Value.Tree.Id))
                    return null; // the last chain that had it was removed meanwhile
                KnownParent? below = FindParentOfNew(connection, name, parent, borrowed) ?? Borrow(connection, borrowed);
                if (below is not null)
                    SnapshotTable.TryAddChild(connection, below.Row);
                var info = new SnapshotInfo { Name = name, Kind = SnapshotKind.Committed, Parent = parent, Labels = labels, CreatedAt = now, UpdatedAt = now };
                SnapshotTable.TryInsertCommitted(connection, info, tree.Value);
                if (flushes)
                    SnapshotTable.MarkSynced(connection, tree.Value.Tree.Id);
                return info;
            },
            cancellationToken).ConfigureAwait(false);
        if (adopted is not null)
            Reached?.Invoke(StoreStep.AdoptionRecorded);
        return adopted;
    }

    private CommittedTree? FindForeignTree(string layer, bool overParent)
    {
        if (!_driver.Stacks)
            return null;
        foreach (AdditionalStore store in _additional)
        {
            if (store.FindShared(layer, overParent) is not { } found)
                continue;
            TreeRecord tree = found.Tree with { Place = found.Tree.Place ?? store.Path, IsForeign = true };
            if (Directory.Exists(FilesOf(tree)))
                return new CommittedTree(tree, found.Measure, null, Synced: true); // that store shares it, as long as it has it
        }
        return null;
    }

    /// <summary>The tree that is kept for a layer already, and can take the place of this snapshot's own; null where there is none.</summary>
    private static CommittedTree? FindShared(MetadataConnection connection, string? sharedAs, SnapshotRecord active, bool overParent) =>
        sharedAs is not null && SnapshotTable.FindShared(connection, sharedAs, overParent) is { } found && found.Tree.Id != active.Tree!.Value.Id ? found : null;

    /// <summary>The active snapshot to commit, and its parent, null where it has none or is to be borrowed; throws where it cannot be, in the order of S-3.</summary>
    private (SnapshotRecord Active, string? Below) FindForCommit(
        MetadataConnection connection, string name, string key, string? parent, List<SnapshotRecord> borrowed)
    {
        if (SnapshotTable.Exists(connection, name))
            throw Taken(name);
        SnapshotRecord active = SnapshotTable.Find(connection, key) ?? throw Missing("active snapshot", key);
        if (active.Kind != SnapshotKind.Active)
        {
            throw new ContainerdException(ErrorKind.FailedPrecondition, $"Committing snapshot '{Excerpt.Of(key)}': it is {Describe(active.Kind)}, not active.") { Subject = key };
        }
        if (parent is null || parent == active.Info.Parent)
            return (active, active.Info.Parent); // nothing vanishes that others are based on
        if (active.Info.Parent is { } other)
        {
            throw new ContainerdException(
                ErrorKind.InvalidArgument, $"Committing snapshot '{Excerpt.Of(key)}' on '{Excerpt.Of(parent)}': it was prepared on '{Excerpt.Of(other)}'.")
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
        return (active, below is null ? null : parent);
    }

    // What stands for it has its identity.
    private static SnapshotRow RowOf(SnapshotRecord record) =>
        new(record.Info.Name, record.Kind, record.Info.Parent, record.Identity);

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
