using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

public sealed partial class OverlaySnapshotter
{
    /// <inheritdoc/>
    public Task RemoveAsync(string key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Task.Run(() => RemoveTreeAsync(key, cancellationToken), cancellationToken);
    }

    /// <inheritdoc/>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.FailedPrecondition"/>: something is mounted inside a removed tree; it was left alone, everything
    /// else was cleaned up. -or- another kind, with the cause, where a tree could not be deleted for another reason; the others were.</exception>
    public Task CleanupAsync(CancellationToken cancellationToken = default) => Task.Run(() => CollectAsync(cancellationToken), cancellationToken);

    private async Task RemoveTreeAsync(string key, CancellationToken cancellationToken)
    {
        long? garbage = await _metadata.WriteAsync(
            connection =>
            {
                SnapshotRecord record = SnapshotTable.Find(connection, key) ?? throw Missing("snapshot", key);
                if (SnapshotTable.HasChildren(connection, record.Id))
                {
                    throw new ContainerdException(ErrorKind.FailedPrecondition, $"Removing snapshot '{Excerpt.Of(key)}': other snapshots are based on it; remove them first.") { Subject = key };
                }
                SnapshotTable.Delete(connection, record.Id);
                return record.TreeId is { } tree && TreeTable.DeleteUnreferenced(connection, tree) ? record.TreeId : null;
            },
            cancellationToken).ConfigureAwait(false);
        Reached?.Invoke(StoreStep.RemovalRecorded);
        if (garbage is { } id)
        {
            Trash(id);
            Reached?.Invoke(StoreStep.TreeTrashed);
        }
    }

    // The metadata has spoken: a tree that cannot be moved now is garbage all the same, and found as such later.
    private void Trash(long id)
    {
        int errno = _trees.Trash(id);
        if (errno is not (0 or Interop.ENOENT))
            LogGarbageStays(_root.Path, id, Interop.Describe(errno));
    }

    private async Task CollectAsync(CancellationToken cancellationToken)
    {
        var remains = new Dictionary<string, SafeFileHandle?>();
        try
        {
            TrashGarbage(remains, cancellationToken);
            Reached?.Invoke(StoreStep.GarbageTrashed);
            (int count, ContainerdException? failure) = EmptyTrash(cancellationToken);
            Reached?.Invoke(StoreStep.TrashEmptied);
            await ForgetAsync([.. remains.Keys], cancellationToken).ConfigureAwait(false);
            LogCleanedUp(_root.Path, count, remains.Count);
            if (failure is not null)
                throw failure;
        }
        finally
        {
            foreach (SafeFileHandle? file in remains.Values)
                file?.Dispose();
        }
    }

    /// <summary>Puts every tree that belongs to nobody into the trash.</summary>
    private void TrashGarbage(Dictionary<string, SafeFileHandle?> remains, CancellationToken cancellationToken)
    {
        // The order is what makes this safe beside everybody else: directories, then who is at work, then what is recorded. A directory seen here that is not
        // recorded at the end was made by somebody who is still at work, or never will be: whoever has ended since had recorded it before.
        List<long> directories = _trees.ListLayers();
        List<(long First, long Count, string Owner)> reservations = _metadata.Read(TreeTable.Reservations);
        HashSet<string> owners = StoreOwner.List(_root);
        owners.UnionWith(reservations.Select(reservation => reservation.Owner));
        var living = new HashSet<string>();
        foreach (string owner in owners)
        {
            if (owner == _owner.Name || StoreOwner.IsAlive(_root, owner, out SafeFileHandle? file))
                living.Add(owner);
            else
                remains.Add(owner, file);
        }
        HashSet<long> inProgress = _ids.InProgress();
        List<long> garbage = _metadata.ReadConsistent(connection =>
        {
            long next = TreeTable.NextId(connection);
            return directories.FindAll(id =>
                id < next
                && !inProgress.Contains(id)
                && !reservations.Exists(other => other.Owner != _owner.Name && living.Contains(other.Owner) && id >= other.First && id < other.First + other.Count)
                && !TreeTable.Exists(connection, id));
        });
        Reached?.Invoke(StoreStep.GarbageFound);
        foreach (long id in garbage)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Trash(id);
        }
    }

    private (int Count, ContainerdException? Failure) EmptyTrash(CancellationToken cancellationToken)
    {
        int count = 0;
        ContainerdException? failure = null;
        foreach (long id in _trees.ListTrash())
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                _trees.EmptyTrash(id, cancellationToken);
                count++;
            }
            catch (ContainerdException e)
            {
                // One tree that cannot be deleted does not keep the others; the first is reported at the end.
                failure ??= e;
            }
        }
        return (count, failure);
    }

    private async Task ForgetAsync(List<string> dead, CancellationToken cancellationToken)
    {
        if (dead.Count == 0)
            return;
        await _metadata.WriteAsync(
            connection =>
            {
                foreach (string owner in dead)
                    TreeTable.EndReservations(connection, owner);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
        Reached?.Invoke(StoreStep.ReservationsEnded);
        foreach (string owner in dead)
            StoreOwner.Forget(_root, owner);
    }
}
