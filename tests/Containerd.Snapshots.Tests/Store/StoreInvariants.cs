namespace Containerd.Snapshots;

/// <summary>What holds of a store that was cleaned up while nobody else has it open.</summary>
internal static class StoreInvariants
{
    /// <summary>The database is whole, every tree of it is on disk, undamaged and in use, every snapshot can be mounted, and there is nothing else.</summary>
    public static async Task AssertWholeAsync(LocalSnapshotter snapshotter)
    {
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty);
        using (MetadataConnection connection = MetadataConnection.Open(Path.Join(snapshotter.Root, "metadata.db"), 5000, Durability.Relaxed))
        {
            Assert.That(connection.QueryText("PRAGMA integrity_check"), Is.EqualTo("ok"));
            Assert.That(connection.QueryText("PRAGMA foreign_key_check"), Is.Null);
            Assert.That(SnapshotTable.Contradictions(connection), Is.Empty);
            Assert.That(connection.QueryTexts("SELECT name FROM snapshot WHERE is_borrowed AND children = 0"), Is.Empty, "what nothing is based on is given back");
        }
        Assert.That(GarbageOf(snapshotter), Is.Empty);
        var mounter = new LinuxMounter();
        await foreach (SnapshotInfo snapshot in snapshotter.ListAsync())
        {
            if (snapshot.Kind != SnapshotKind.Committed)
                mounter.MountDetached(await snapshotter.MountsAsync(snapshot.Name)).Dispose();
        }
    }

    /// <summary>The directories that belong to no snapshot, whether they are trash already or not, and the trees that are missing, those of other stores aside.</summary>
    public static IReadOnlyList<string> GarbageOf(LocalSnapshotter snapshotter)
    {
        using MetadataConnection connection = MetadataConnection.Open(Path.Join(snapshotter.Root, "metadata.db"), 5000, Durability.Relaxed);
        var expected = new HashSet<string>();
        using (MetadataRows row = connection.Query("SELECT coalesce(l.path, ?1), s.tree FROM snapshot s LEFT JOIN place l ON l.id = s.place WHERE s.tree IS NOT NULL AND l.is_foreign IS NOT 1", snapshotter.Root))
        {
            while (row.Read())
                expected.Add(Path.Join(row.Text(0), "layers", row.Text(1)));
        }
        List<string> places = [snapshotter.Root, .. PlaceTable.ListOwn(connection).Select(place => place.Path)];
        var found = places.SelectMany(place => (string[])["layers", "trash"], Path.Join).SelectMany(Directory.EnumerateFileSystemEntries).ToHashSet();
        found.SymmetricExceptWith(expected);
        return [.. found.Order(StringComparer.Ordinal)];
    }
}
