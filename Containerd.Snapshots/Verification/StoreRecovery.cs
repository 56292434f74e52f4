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
    /// <summary>Makes a new database from what can be read of the damaged one.</summary>
    /// <param name="root">The directory of the store.</param>
    /// <param name="timeProvider">The clock that waiting for another process is measured by; null for the system's.</param>
    /// <returns>The names of the snapshots that were saved.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such directory, or no store in it. -or-
    /// <see cref="ErrorKind.Unavailable"/>: a process has the store open. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>, <see cref="ErrorKind.NotSupported"/>: as when it is opened. -or- <see cref="ErrorKind.ResourceExhausted"/>: the disk is full.</exception>
    public static IReadOnlyList<string> RecoverMetadata(string root, TimeProvider? timeProvider = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(root);
        IReadOnlyList<string> saved = [];
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        string snapshotter = StoreFormat.SnapshotterOf(full)
            ?? throw new ContainerdException(ErrorKind.NotFound, $"There is no store in '{Excerpt.Of(full)}': its file '{RootFormat.FileName}' is missing or damaged.") { Subject = full };
        using StoreRoot opened = StoreRoot.OpenForRecovery(full, snapshotter, timeProvider ?? TimeProvider.System, store => saved = Recover(store));
        return saved;
    }

    private static List<string> Recover(StoreRoot root)
    {
        string database = root.MetadataFile, fresh = database + ".new";
        Delete(fresh);
        long nextTree = root.Trees.ListLayers().Concat(root.Trees.ListTrash()).DefaultIfEmpty(0).Max() + 1;
        List<string> saved;
        using (MetadataConnection target = MetadataConnection.Open(fresh, 0, Durability.Full))
        {
            MetadataSchema.Migrate(target);
            saved = MetadataSalvage.Copy(database, target, nextTree);
            target.ExecuteScript("PRAGMA wal_checkpoint(TRUNCATE)");
        }
        // The damaged one goes aside whole, with its log, before the new one takes its name: in between there is none, which is refused rather than taken for a new store.
        int number = 1;
        while (File.Exists($"{database}.damaged-{number}"))
            number++;
        foreach (string suffix in (string[])["", "-wal", "-shm"])
        {
            if (File.Exists(database + suffix))
                File.Move(database + suffix, $"{database}.damaged-{number}{suffix}");
        }
        Delete(fresh + "-wal", fresh + "-shm");
        File.Move(fresh, database);
        root.Flush();
        return saved;
    }

    private static void Delete(string file, params string[] others)
    {
        File.Delete(file);
        foreach (string other in others.Length > 0 ? others : [file + "-wal", file + "-shm"])
            File.Delete(other);
    }
}
