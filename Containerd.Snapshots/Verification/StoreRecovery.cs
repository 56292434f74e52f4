namespace Containerd.Snapshots;

/// <summary>Saves what can be read of a store whose database is damaged, so that the store can be opened again.</summary>
/// <remarks>
/// <para>For a store whose constructor fails with <see cref="ErrorKind.DataCorrupted"/> about <c>metadata.db</c>, or without one. The damaged file is kept beside
/// the new one, as <c>metadata.db.damaged-N</c>.</para>
/// <para>Rows that cannot be read are lost, and so is every snapshot whose parent or tree is. Their directories are garbage, which the next clean-up deletes: save what is of
/// value in them before the store is opened. Afterwards <see cref="LocalSnapshotter.VerifyAsync"/> says whether the trees are as they should be.</para>
/// <para>Killed at any instant, it can be called again. No other process may have the store open. Source: the recover command of SQLite's shell does the same by page.</para>
/// </remarks>
public static class StoreRecovery
{
    private static readonly string[] Suffixes = ["", "-wal", "-shm"];

    /// <summary>Makes a new database from what can be read of the damaged one.</summary>
    /// <param name="root">The directory of the store.</param>
    /// <param name="timeProvider">The clock that waiting for another process is measured by; null for the system's.</param>
    /// <returns>The names of the snapshots that were saved.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such directory, or no store in it. -or-
    /// <see cref="ErrorKind.Unavailable"/>: a process has the store open. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>, <see cref="ErrorKind.NotSupported"/>: as when it is opened. -or- <see cref="ErrorKind.ResourceExhausted"/>: the disk is full.</exception>
    public static IReadOnlyList<string> RecoverMetadata(string root, TimeProvider? timeProvider = null) => RecoverMetadata(root, timeProvider, null);

    /// <summary>Recovers, and calls back when the damaged database is out of the way and the new one not yet in its place. For tests.</summary>
    internal static IReadOnlyList<string> RecoverMetadata(string root, TimeProvider? timeProvider, Action? setAside)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(root);
        IReadOnlyList<string> saved = [];
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        string snapshotter = StoreFormat.SnapshotterOf(full)
            ?? throw new ContainerdException(ErrorKind.NotFound, $"There is no store in '{Excerpt.Of(full)}': its file '{RootFormat.FileName}' is missing or damaged.") { Subject = full };
        try
        {
            using StoreRoot opened = StoreRoot.OpenForRecovery(full, snapshotter, timeProvider ?? TimeProvider.System, store => saved = Recover(store, setAside));
            return saved;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The BCL keeps the errno of an I/O error in HResult.
            ErrorKind kind = e is UnauthorizedAccessException ? ErrorKind.PermissionDenied : Interop.KindOf(e.HResult);
            throw new ContainerdException(kind, $"Recovering the metadata of '{Excerpt.Of(full)}': {e.Message}.", e) { Subject = full };
        }
    }

    private static List<string> Recover(StoreRoot root, Action? setAside)
    {
        string database = root.MetadataFile, recovered = database + ".recovered";
        // Where a call was killed after it had set the damaged one aside, everything has been saved.
        List<string> saved = !File.Exists(database) && File.Exists(recovered) ? NamesIn(recovered) : Save(root, database, recovered);
        SetAside(database);
        setAside?.Invoke();
        File.Move(recovered, database);
        root.Flush();
        return saved;
    }

    /// <summary>Makes the new database, under its name only when it is complete and on disk.</summary>
    private static List<string> Save(StoreRoot root, string database, string recovered)
    {
        string fresh = database + ".new";
        foreach (string suffix in Suffixes)
            File.Delete(fresh + suffix);
        List<string> saved;
        using (MetadataConnection target = MetadataConnection.Open(fresh, 0, Durability.Full))
        {
            MetadataSalvage.Copy(database, target);
            MetadataSalvage.SetNextTree(target, LastTreeOnDisk(root, target) + 1);
            saved = target.QueryTexts("SELECT name FROM snapshot");
            target.ExecuteScript("PRAGMA wal_checkpoint(TRUNCATE)");
        }
        root.Flush();
        File.Move(fresh, recovered, overwrite: true);
        root.Flush();
        return saved;
    }

    // What lies there of snapshots that are lost is garbage; a new tree of its number would hide that from the clean-up.
    private static long LastTreeOnDisk(StoreRoot root, MetadataConnection saved)
    {
        using var places = new StorePlaces(root.Trees);
        long last = Last(places.Own);
        foreach ((_, string path) in PlaceTable.ListOwn(saved))
        {
            try
            {
                last = Math.Max(last, Last(places.At(path)));
            }
            catch (ContainerdException)
            {
                // Its disk is not mounted, perhaps; the clean-up leaves such a place alone too.
            }
        }
        return last;

        static long Last(TreePlace place) => place.ListLayers().Concat(place.ListTrash()).DefaultIfEmpty(0).Max();
    }

    private static List<string> NamesIn(string recovered)
    {
        using MetadataConnection connection = MetadataConnection.OpenImmutable(recovered);
        return connection.QueryTexts("SELECT name FROM snapshot");
    }

    // Whole, with its log, and before the new one takes its name, which otherwise would take the log for its own. In between there is no database, which is
    // refused rather than taken for a new store.
    private static void SetAside(string database)
    {
        int number = 1;
        while (File.Exists($"{database}.damaged-{number}"))
            number++;
        foreach (string suffix in Suffixes)
        {
            if (File.Exists(database + suffix))
                File.Move(database + suffix, $"{database}.damaged-{number}{suffix}");
        }
    }
}
