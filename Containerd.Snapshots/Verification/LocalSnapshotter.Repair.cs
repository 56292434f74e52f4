namespace Containerd.Snapshots;

public abstract partial class LocalSnapshotter
{
    /// <summary>Verifies, removes damaged snapshots with what is based on them, and cleans up.</summary>
    /// <remarks>
    /// <para>What remains can be relied on: a layer whose snapshot was removed is unpacked anew by whoever needs it next, since neither its name nor its tree is found any more. An
    /// active snapshot over a damaged one is work that may not exist elsewhere: it stays, with the damaged ones beneath, unless <see cref="SnapshotRepairOptions.RemoveActive"/> says
    /// otherwise; the damaged tree is then offered to no other chain.</para>
    /// <para>An active snapshot or view whose directory is missing has nothing to lose and is removed; where the whole <see cref="OverlaySnapshotterOptions.WritableRoot"/> that it lies in
    /// is missing, its disk may be mounted again, and it stays as other work does. Each removal is one transaction; a call that is killed or cancelled has
    /// done part of the work, and the next does the rest. Thread-safe; other processes may go on, and should not use what is damaged.</para>
    /// </remarks>
    /// <param name="options">How far to go; null for the defaults.</param>
    /// <param name="progress">Told the trees checked, and then the trees deleted; null for nobody.</param>
    /// <param name="cancellationToken">Stops between two removals.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.DataCorrupted"/>: the database cannot be read at all (<see cref="StoreRecovery"/>). -or-
    /// <see cref="ErrorKind.PermissionDenied"/>: the store was opened to read only. -or- as of <see cref="CleanupAsync(CancellationToken)"/>.</exception>
    public Task<SnapshotRepairResult> RepairAsync(
        SnapshotRepairOptions? options = null, IProgress<SnapshotProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        return Task.Run(
            () =>
            {
                CheckWritable("Repairing", _root.Path);
                return RepairStoreAsync(options ?? new SnapshotRepairOptions(), progress, cancellationToken);
            },
            cancellationToken);
    }

    private async Task<SnapshotRepairResult> RepairStoreAsync(SnapshotRepairOptions options, IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken)
    {
        IReadOnlyList<SnapshotDefect> found = Verify(progress, cancellationToken);
        Reached?.Invoke(StoreStep.DefectsFound);
        var removed = new List<string>();
        var remaining = new List<SnapshotDefect>();
        // What is missing first: work that is lost keeps nothing beneath it.
        foreach (SnapshotDefect defect in found.OrderBy(defect => defect.Kind))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (defect.Snapshot is not { } name)
            {
                if (defect.Kind != SnapshotDefectKind.ForeignEntry || !options.RemoveForeign)
                    remaining.Add(defect);
                continue;
            }
            // With all of its place missing, a tree is on a disk that is not mounted now, perhaps.
            bool isLost = defect.Kind == SnapshotDefectKind.MissingTree && Directory.Exists(Path.GetFullPath("../..", defect.Path));
            (List<string> names, List<TreeRecord> trees, bool isKept) = await _metadata.WriteAsync(
                connection => RemoveDamaged(connection, name, defect, isLost, options.RemoveActive), cancellationToken).ConfigureAwait(false);
            removed.AddRange(names);
            trees.ForEach(TrashForgotten);
            if (isKept)
                remaining.Add(defect);
            Reached?.Invoke(StoreStep.RepairRecorded);
        }
        if (options.RemoveForeign)
        {
            foreach ((_, Action<CancellationToken> remove) in ListForeign())
                remove(cancellationToken);
        }
        await CollectAsync(progress, cancellationToken).ConfigureAwait(false);
        LogRepaired(_root.Path, found.Count, removed.Count, remaining.Count);
        return new SnapshotRepairResult(removed, remaining);
    }

    /// <summary>Forgets a damaged snapshot and what is based on it, those on top first.</summary>
    /// <returns>What was forgotten, the trees that are garbage now, and whether the damaged one had to stay.</returns>
    private (List<string> Names, List<TreeRecord> Garbage, bool IsKept) RemoveDamaged(
        MetadataConnection connection, string name, SnapshotDefect defect, bool isLost, bool removeActive)
    {
        var names = new List<string>();
        var garbage = new List<TreeRecord>();
        SnapshotRecord? damaged = SnapshotTable.Find(connection, name);
        if (damaged?.Tree is not { } tree || FilesOf(tree) != defect.Path)
            return (names, garbage, false); // removed with one beneath, or by somebody who has made it anew perhaps
        // The number of another store's tree may be that of a healthy one here.
        if (damaged.Kind == SnapshotKind.Committed && !tree.IsForeign)
            SnapshotTable.StopSharing(connection, tree.Id);

        var kept = new HashSet<string>(StringComparer.Ordinal);
        List<SnapshotRecord> affected = SnapshotTable.WithDescendants(connection, damaged);
        for (int i = affected.Count - 1; i >= 0; i--)
        {
            SnapshotRecord record = affected[i];
            bool isWork = record.Kind == SnapshotKind.Active && !(record == damaged && isLost);
            if (kept.Contains(record.Info.Name) || (isWork && !removeActive))
            {
                if (record.Info.Parent is { } parent)
                    kept.Add(parent);
                kept.Add(record.Info.Name);
                continue;
            }
            names.Add(record.Info.Name);
            if (Forget(connection, record) is { } forgotten)
                garbage.Add(forgotten);
        }
        return (names, garbage, kept.Contains(name));
    }
}
