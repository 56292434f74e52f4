using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

public abstract partial class LocalSnapshotter
{
    private static readonly int DeletionParallelism = Math.Clamp(Environment.ProcessorCount, 1, 4);

    private readonly BackgroundCleaner? _cleaner;

    // One at a time: to the other, what the first is about to forget would look alive, since it holds its lock.
    private readonly SemaphoreSlim _collecting = new(1, 1);

    /// <inheritdoc/>
    /// <exception cref="ContainerdException">-or- <see cref="ErrorKind.PermissionDenied"/>: it is another store's, or this one was opened to read only.</exception>
    public Task RemoveAsync(string key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (_views.TryRemove(key, out _))
            return Task.CompletedTask;
        return Task.Run(() => RemoveTreeAsync(key, cancellationToken), cancellationToken);
    }

    /// <inheritdoc/>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.FailedPrecondition"/>: something is mounted inside a removed tree; it was left alone, everything
    /// else was cleaned up. -or- <see cref="ErrorKind.PermissionDenied"/>: the store was opened to read only. -or-
    /// another kind, with the cause, where a tree could not be deleted for another reason; the others were.</exception>
    public Task CleanupAsync(CancellationToken cancellationToken = default) => CleanupAsync(null, cancellationToken);

    /// <inheritdoc cref="CleanupAsync(CancellationToken)"/>
    /// <param name="progress">Told the trees deleted so far, of those that were found; null for nobody.</param>
    /// <param name="cancellationToken">Stops between two directories; the rest stays for the next time.</param>
    public Task CleanupAsync(IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken = default)
    {
        return Task.Run(
            () =>
            {
                CheckWritable("Cleaning up", _root.Path);
                return CollectAsync(progress, cancellationToken);
            },
            cancellationToken);
    }

    private async Task RemoveTreeAsync(string key, CancellationToken cancellationToken)
    {
        CheckWritable("Removing snapshot", key);
        bool isAdditional = IsAdditional(key);
        TreeRecord? garbage = await _metadata.WriteAsync(
            connection =>
            {
                SnapshotRecord? record = SnapshotTable.Find(connection, key);
                if (record is null or { IsBorrowed: true })
                    throw MissingOrForeign("Removing", key, record is not null || isAdditional);
                if (record.HasChildren)
                {
                    throw new ContainerdException(ErrorKind.FailedPrecondition, $"Removing snapshot '{Excerpt.Of(key)}': other snapshots are based on it; remove them first.") { Subject = key };
                }
                return Forget(connection, record);
            },
            cancellationToken).ConfigureAwait(false);
        Reached?.Invoke(StoreStep.RemovalRecorded);
        if (garbage is { } tree)
        {
            TrashForgotten(tree);
            Reached?.Invoke(StoreStep.TreeTrashed);
            _cleaner?.Wake();
        }
    }

    /// <summary>Deletes a snapshot's row.</summary>
    /// <returns>The tree whose directory is garbage now, since it was the last to have it; null for none.</returns>
    private static TreeRecord? Forget(MetadataConnection connection, SnapshotRecord record)
    {
        SnapshotTable.Delete(connection, record.Info.Name, record.Info.Parent);
        if (record.Tree is not { IsForeign: false } tree)
            return null;
        return record.DiffId is not null && SnapshotTable.HasShared(connection, tree.Id) ? null : tree;
    }

    private void TrashForgotten(TreeRecord tree)
    {
        try
        {
            Trash(_places.Of(tree), tree.Id);
        }
        catch (ContainerdException e)
        {
            LogGarbageStays(tree.Place ?? _root.Path, tree.Id, e.Message);
        }
    }

    // The metadata has spoken: a tree that cannot be moved now is garbage all the same, and found as such later.
    private void Trash(TreePlace place, long id)
    {
        int errno = place.Trash(id);
        if (errno is not (0 or Interop.ENOENT))
            LogGarbageStays(place.Path, id, Interop.Describe(errno));
    }

    /// <summary>Empties the trash, after finding everything that belongs there.</summary>
    internal async Task CollectAsync(IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken)
    {
        await _collecting.WaitAsync(cancellationToken).ConfigureAwait(false);
        var remains = new Dictionary<string, SafeFileHandle?>();
        try
        {
            List<TreePlace> places = OpenPlaces();
            TrashGarbage(places, remains, cancellationToken);
            Reached?.Invoke(StoreStep.GarbageTrashed);
            (int count, ContainerdException? failure) = EmptyTrash(places, progress, cancellationToken);
            Reached?.Invoke(StoreStep.TrashEmptied);
            await ForgetAsync([.. remains.Keys], cancellationToken).ConfigureAwait(false);
            if (count > 0 || remains.Count > 0)
                LogCleanedUp(_root.Path, count, remains.Count);
            if (failure is not null)
                throw failure;
        }
        finally
        {
            foreach (SafeFileHandle? file in remains.Values)
                file?.Dispose();
            _collecting.Release();
        }
    }

    // A place whose disk is not there now is looked at another time.
    private List<TreePlace> OpenPlaces()
    {
        var places = new List<TreePlace> { _places.Own };
        foreach ((_, string path) in _metadata.Read(PlaceTable.ListOwn))
        {
            try
            {
                places.Add(_places.At(path));
            }
            catch (ContainerdException e)
            {
                LogPlaceMissing(_root.Path, path, e.Message);
            }
        }
        return places;
    }

    /// <summary>Puts every tree that belongs to nobody into the trash.</summary>
    private void TrashGarbage(List<TreePlace> places, Dictionary<string, SafeFileHandle?> remains, CancellationToken cancellationToken)
    {
        // The order is what makes this safe beside everybody else: directories, then who is at work, then what is recorded. A directory seen here that is not
        // recorded at the end was made by somebody who is still at work, or never will be: whoever has ended since had recorded it before.
        List<(TreePlace Place, long Id)> directories = places.SelectMany(place => place.ListLayers().Select(id => (place, id))).ToList();
        List<(long First, long Count, string Owner)> reservations = _metadata.Read(ReservationTable.List);
        HashSet<string> owners = StoreOwner.List(_root);
        owners.UnionWith(reservations.Select(reservation => reservation.Owner));
        var living = new HashSet<string>();
        foreach (string owner in owners)
        {
            if (owner == _owner!.Name || StoreOwner.IsAlive(_root, owner, out SafeFileHandle? file))
                living.Add(owner);
            else
                remains.Add(owner, file);
        }
        HashSet<long> inProgress = _ids!.InProgress();
        List<(TreePlace Place, long Id)> garbage = _metadata.ReadConsistent(connection =>
        {
            long next = ReservationTable.NextId(connection);
            // By number alone: a place that is reached by two names is listed as two, and its trees are recorded under one.
            HashSet<long> recorded = SnapshotTable.OwnTrees(connection);
            return directories.FindAll(tree =>
                tree.Id < next
                && !inProgress.Contains(tree.Id)
                && !reservations.Exists(other => other.Owner != _owner!.Name && living.Contains(other.Owner) && tree.Id >= other.First && tree.Id < other.First + other.Count)
                && !recorded.Contains(tree.Id));
        });
        Reached?.Invoke(StoreStep.GarbageFound);
        foreach ((TreePlace place, long id) in garbage)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Trash(place, id);
        }
    }

    internal (int Count, ContainerdException? Failure) EmptyTrash(List<TreePlace> places, IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken)
    {
        List<(TreePlace Place, long Id)> trees = places.SelectMany(place => place.ListTrash().Select(id => (place, id))).ToList();
        int count = 0;
        ContainerdException? failure = null;
        // Trees side by side: within one the kernel's lock of the directory is the limit (performance.md, row 47).
        ForEachAtOnce(
            trees,
            DeletionParallelism,
            tree =>
            {
                try
                {
                    tree.Place.EmptyTrash(tree.Id, _driver, cancellationToken);
                    // One at a time, so that it never goes backwards.
                    lock (trees)
                    {
                        count++;
                        progress?.Report(new SnapshotProgress(SnapshotWork.Deleting, count, trees.Count));
                    }
                }
                catch (ContainerdException e)
                {
                    // One tree that cannot be deleted does not keep the others; the first is reported at the end.
                    Interlocked.CompareExchange(ref failure, e, null);
                }
            },
            cancellationToken);
        return (count, failure);
    }

    // Of several that fail the caller is told the first, as by a loop.
    private static void ForEachAtOnce<T>(IEnumerable<T> items, int parallelism, Action<T> body, CancellationToken cancellationToken)
    {
        try
        {
            Parallel.ForEach(items, new ParallelOptions { MaxDegreeOfParallelism = parallelism, CancellationToken = cancellationToken }, body);
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
    }

    internal (int Count, ContainerdException? Failure) EmptyTrash(CancellationToken cancellationToken) => EmptyTrash(OpenPlaces(), null, cancellationToken);

    private async Task ForgetAsync(List<string> dead, CancellationToken cancellationToken)
    {
        if (dead.Count == 0)
            return;
        await _metadata.WriteAsync(
            connection =>
            {
                foreach (string owner in dead)
                    ReservationTable.End(connection, owner);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
        Reached?.Invoke(StoreStep.ReservationsEnded);
        foreach (string owner in dead)
            StoreOwner.Forget(_root, owner);
    }
}
