using System.Collections.Concurrent;

namespace Containerd.Snapshots;

public abstract partial class LocalSnapshotter
{
    /// <summary>Compares the metadata with what is on disk, and changes nothing.</summary>
    /// <remarks>
    /// Every committed tree is walked and compared, entry by entry, with what it was when it was committed: paths, types, modes, owners, sizes and modification times, not
    /// the content of files. Of trees that were committed by a version that did not record this, only the number of entries is compared. Other calls and processes may
    /// go on meanwhile. Works on a store that was opened to read only.
    /// </remarks>
    /// <param name="progress">Told the trees checked so far; null for nobody.</param>
    /// <param name="cancellationToken">Stops between two directories.</param>
    /// <returns>The defects, by path; empty where there is none.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.DataCorrupted"/>: the database cannot be read at all (<see cref="StoreRecovery"/>).</exception>
    public Task<IReadOnlyList<SnapshotDefect>> VerifyAsync(IProgress<SnapshotProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => Verify(progress, cancellationToken), cancellationToken);

    private IReadOnlyList<SnapshotDefect> Verify(IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken)
    {
        var defects = new ConcurrentBag<SnapshotDefect>();
        foreach (string problem in _metadata.Read(connection => connection.QueryTexts("PRAGMA quick_check")).Where(text => text != "ok"))
            defects.Add(new SnapshotDefect(SnapshotDefectKind.DamagedMetadata, null, _root.MetadataFile, $"SQLite finds: {Excerpt.Of(problem)}."));
        foreach (string problem in _metadata.ReadConsistent(SnapshotTable.Contradictions))
            defects.Add(new SnapshotDefect(SnapshotDefectKind.DamagedMetadata, null, _root.MetadataFile, $"Its rows contradict each other: {problem}."));

        List<SnapshotRecord> snapshots = ListTrees();
        ILookup<string, SnapshotRecord> trees = snapshots.ToLookup(record => FilesOf(record.Tree!.Value), StringComparer.Ordinal);
        int done = 0;
        ForEachAtOnce(
            trees,
            Environment.ProcessorCount,
            users =>
            {
                if (Check(users.First(), cancellationToken) is { } found)
                {
                    foreach (SnapshotRecord user in users.Where(IsStillRecorded))
                        defects.Add(found with { Snapshot = user.Info.Name });
                }
                // One at a time, so that it never goes backwards.
                lock (defects)
                    progress?.Report(new SnapshotProgress(SnapshotWork.Checking, ++done, trees.Count));
            },
            cancellationToken);
        foreach ((string path, _) in ListForeign())
            defects.Add(new SnapshotDefect(SnapshotDefectKind.ForeignEntry, null, path, "The store has given no tree such a name; somebody else has put it there."));
        return [.. defects.OrderBy(defect => defect.Path, StringComparer.Ordinal).ThenBy(defect => defect.Snapshot, StringComparer.Ordinal)];
    }

    private List<SnapshotRecord> ListTrees()
    {
        var snapshots = new List<SnapshotRecord>();
        List<SnapshotRecord> batch;
        do
        {
            string last = snapshots.Count == 0 ? "" : snapshots[^1].Info.Name;
            batch = _metadata.Read(connection => SnapshotTable.List(connection, last, ListBatch, null, null));
            snapshots.AddRange(batch);
        }
        while (batch.Count == ListBatch);
        snapshots.RemoveAll(record => record.Tree is null);
        return snapshots;
    }

    // What was removed while it was looked at is no defect.
    private bool IsStillRecorded(SnapshotRecord record) => FindRecord(record.Info.Name) is { } now && now.Kind == record.Kind && now.Tree == record.Tree;

    private SnapshotDefect? Check(SnapshotRecord record, CancellationToken cancellationToken)
    {
        TreeRecord tree = record.Tree!.Value;
        string files = FilesOf(tree);
        if (!Directory.Exists(files))
            return new SnapshotDefect(SnapshotDefectKind.MissingTree, null, files, $"The {Describe(record.Kind)} snapshot's directory is missing.");
        if (tree.Boot is { } boot && boot != BootId)
            return new SnapshotDefect(SnapshotDefectKind.UnflushedTree, null, files, "It was mounted without ever flushing (volatile), and the machine has been restarted since.");
        if (record.Kind != SnapshotKind.Committed)
            return null;

        TreeMeasure recorded = record.Measure;
        TreeMeasure found;
        try
        {
            found = _driver.Measure(files, null, null, cancellationToken);
        }
        catch (ContainerdException e)
        {
            return new SnapshotDefect(SnapshotDefectKind.ChangedTree, null, files, $"It cannot be read: {e.Message}");
        }
        bool isSame = recorded.Fingerprint == 0 ? recorded.Usage.Inodes == found.Usage.Inodes : recorded.Fingerprint == found.Fingerprint;
        return isSame
            ? null
            : new SnapshotDefect(SnapshotDefectKind.ChangedTree, null, files, recorded.Usage.Inodes == found.Usage.Inodes || !_driver.Stacks
                ? $"It has other entries, sizes, modes, owners or times than when it was committed ({found.Usage.Inodes} inodes)."
                : $"It has {found.Usage.Inodes} inodes, and had {recorded.Usage.Inodes} when it was committed.");
    }

    private List<(string Path, Action<CancellationToken> Remove)> ListForeign()
    {
        var foreign = new List<(string, Action<CancellationToken>)>();
        foreach (TreePlace place in OpenPlaces())
        {
            List<long> trees = place.ListLayers(Add);
            // Afterwards: whoever has made one of them had been given its number before.
            long next = _metadata.Read(ReservationTable.NextId);
            foreach (long id in trees.Where(id => id >= next))
                Add(TreePlace.Name(id));

            void Add(string name)
            {
                string path = Path.Join(place.Path, "layers", name);
                foreign.Add((path, cancellationToken => _driver.Delete(place.Layers, name, path, cancellationToken)));
            }
        }
        return foreign;
    }
}
