namespace Containerd.Snapshots;

/// <summary>The statements about trees.</summary>
internal static class TreeTable
{
    private const string Columns = """
        t.id, t.place, t.directory, t.keeps_deletions, t.has_deletions, t.boot, l.path, l.is_foreign
        FROM tree t LEFT JOIN place l ON l.id = t.place
        """;

    public static TreeRecord? Find(MetadataConnection connection, long id)
    {
        using MetadataRows row = connection.Query($"SELECT {Columns} WHERE t.id = ?1", id);
        return row.Read() ? Read(row, 0, 1) : null;
    }

    /// <summary>A new tree in a place of the store; with its boot where power loss before a commit spoils it.</summary>
    public static void Insert(MetadataConnection connection, long id, long? place, bool keepsDeletions, string? boot) => connection.Execute(
        "INSERT INTO tree(id, place, directory, keeps_deletions, boot) VALUES (?1, ?2, ?3, ?4, ?5)", id, place, place is null ? (long?)null : id, keepsDeletions, boot);

    /// <summary>A committed tree of another store.</summary>
    public static void InsertForeign(MetadataConnection connection, long id, string place, TreeRecord tree, TreeMeasure measure) => connection.Execute(
        """
        INSERT INTO tree(id, place, directory, keeps_deletions, has_deletions, inodes, bytes, fingerprint, synced) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1)
        """,
        id, PlaceTable.Ensure(connection, place, isForeign: true), tree.Directory, tree.KeepsDeletions, tree.HasDeletions, measure.Usage.Inodes, measure.Usage.Bytes, measure.Fingerprint);

    /// <summary>The row of a tree of another store; null where it is not referred to yet.</summary>
    public static long? FindForeign(MetadataConnection connection, string place, TreeRecord tree) => connection.QueryInteger(
        "SELECT t.id FROM tree t JOIN place l ON l.id = t.place WHERE l.path = ?1 AND l.is_foreign = 1 AND t.directory = ?2", place, tree.Directory);

    /// <summary>What was measured of a committed tree; its fingerprint is zero where an older version committed it, which took none.</summary>
    public static TreeMeasure MeasureOf(MetadataConnection connection, long id)
    {
        using MetadataRows row = connection.Query("SELECT inodes, bytes, has_deletions, fingerprint FROM tree WHERE id = ?1", id);
        return row.Read() ? new TreeMeasure(new SnapshotUsage(row.Integer(0), row.Integer(1)), row.Flag(2), row.IntegerOrNull(3) ?? 0) : default;
    }

    /// <summary>A committed tree, as it was measured.</summary>
    // What is in an index is not set where it stays the same: SQLite would write the index all the same.
    public static void Seal(MetadataConnection connection, long id, TreeMeasure measure, string? diffId, bool synced)
    {
        connection.Execute(
            "UPDATE tree SET inodes = ?2, bytes = ?3, has_deletions = ?4, fingerprint = ?5, synced = ?6, boot = NULL WHERE id = ?1",
            id, measure.Usage.Inodes, measure.Usage.Bytes, measure.HasDeletions, measure.Fingerprint, synced);
        if (diffId is not null)
            connection.Execute("UPDATE tree SET diff_id = ?2 WHERE id = ?1", id, diffId);
    }

    /// <summary>The tree of a layer, and whether it has been flushed to disk; null where no snapshot has it to share.</summary>
    /// <param name="connection">The database.</param>
    /// <param name="diffId">The layer.</param>
    /// <param name="overParent">Whether it is to lie over others: then what it deletes has to be in it.</param>
    public static (TreeRecord Tree, bool Synced)? FindByDiffId(MetadataConnection connection, string diffId, bool overParent)
    {
        using MetadataRows row = connection.Query(
            """
            SELECT t.id, t.place, t.directory, t.keeps_deletions, t.has_deletions, t.boot, l.path, l.is_foreign, t.synced
            FROM tree t LEFT JOIN place l ON l.id = t.place
            WHERE t.diff_id = ?1 AND t.keeps_deletions >= ?2 ORDER BY t.keeps_deletions DESC LIMIT 1
            """, diffId, overParent);
        return row.Read() ? (Read(row, 0, 1), row.Flag(8)) : null;
    }

    /// <summary>Whether a tree of exactly that kind is shared for a layer already.</summary>
    public static bool IsShared(MetadataConnection connection, string diffId, bool keepsDeletions) =>
        connection.QueryInteger("SELECT 1 FROM tree WHERE diff_id = ?1 AND keeps_deletions = ?2", diffId, keepsDeletions) is not null;

    /// <summary>A tree that turned out to be lost is no longer offered for its layer.</summary>
    public static void StopSharing(MetadataConnection connection, long id) => connection.Execute("UPDATE tree SET diff_id = NULL WHERE id = ?1", id);

    public static void MarkSynced(MetadataConnection connection, long id) => connection.Execute("UPDATE tree SET synced = 1 WHERE id = ?1", id);

    /// <summary>Forgets a tree that no snapshot refers to any more.</summary>
    /// <returns>Whether it was forgotten, so that its directory is garbage if it is the store's own.</returns>
    public static bool DeleteUnreferenced(MetadataConnection connection, long id) =>
        connection.Execute("DELETE FROM tree WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM snapshot WHERE tree = ?1)", id) > 0;

    public static bool Exists(MetadataConnection connection, long id) => connection.QueryInteger("SELECT 1 FROM tree WHERE id = ?1", id) is not null;

    /// <summary>Whether the tree of an ID lies in a place; null for the store's own.</summary>
    public static bool IsIn(MetadataConnection connection, long id, long? place) =>
        connection.QueryInteger("SELECT 1 FROM tree WHERE id = ?1 AND place IS ?2", id, place) is not null;

    /// <summary>Reads a tree of a row: its ID in one column, the other columns from another on.</summary>
    public static TreeRecord Read(MetadataRows row, int id, int rest) => new(
        row.Integer(id), row.TextOrNull(rest + 5), row.IntegerOrNull(rest + 6) is 1, row.IntegerOrNull(rest + 1) ?? row.Integer(id),
        row.Flag(rest + 2), row.Flag(rest + 3), row.TextOrNull(rest + 4));
}
