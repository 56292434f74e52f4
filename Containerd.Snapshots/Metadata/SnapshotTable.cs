namespace Containerd.Snapshots;

/// <summary>The statements about snapshots.</summary>
internal static class SnapshotTable
{
    private const string Columns = """
        s.id, s.name, s.kind, s.parent, p.name, s.tree, s.labels, s.created, s.updated, t.inodes, t.bytes, s.user_map, s.group_map,
        t.place, t.directory, t.keeps_deletions, t.has_deletions, t.boot, l.path, l.is_foreign, t.fingerprint, s.is_borrowed
        FROM snapshot s LEFT JOIN snapshot p ON p.id = s.parent LEFT JOIN tree t ON t.id = s.tree LEFT JOIN place l ON l.id = t.place
        """;

    public static SnapshotRecord? Find(MetadataConnection connection, string name)
    {
        using MetadataRows row = connection.Query($"SELECT {Columns} WHERE s.name = ?1", name);
        return row.Read() ? Read(row) : null;
    }

    /// <summary>What users see of a snapshot.</summary>
    public static SnapshotInfo? FindInfo(MetadataConnection connection, string name)
    {
        using MetadataRows row = connection.Query(
            "SELECT s.kind, s.labels, s.created, s.updated, p.name FROM snapshot s LEFT JOIN snapshot p ON p.id = s.parent WHERE s.name = ?1", name);
        return row.Read()
            ? new SnapshotInfo
            {
                Name = name,
                Kind = (SnapshotKind)row.Integer(0),
                Parent = row.TextOrNull(4),
                Labels = LabelText.Read(row.TextOrNull(1), name),
                CreatedAt = Time(row.Integer(2), name),
                UpdatedAt = Time(row.Integer(3), name),
            }
            : null;
    }

    /// <summary>A snapshot without what is only shown of it.</summary>
    public static SnapshotRow? FindRow(MetadataConnection connection, string name)
    {
        using MetadataRows row = connection.Query(
            "SELECT s.id, s.kind, s.parent, p.name, s.tree, s.created FROM snapshot s LEFT JOIN snapshot p ON p.id = s.parent WHERE s.name = ?1", name);
        return row.Read()
            ? new SnapshotRow(row.Integer(0), (SnapshotKind)row.Integer(1), row.IntegerOrNull(2), row.TextOrNull(3), row.IntegerOrNull(4), row.Integer(5))
            : null;
    }

    public static bool Exists(MetadataConnection connection, string name) =>
        connection.QueryInteger("SELECT 1 FROM snapshot WHERE name = ?1", name) is not null;

    public static bool HasChildren(MetadataConnection connection, long id) =>
        connection.QueryInteger("SELECT 1 FROM snapshot WHERE parent = ?1 LIMIT 1", id) is not null;

    /// <summary>The trees of a committed snapshot and of all beneath it, topmost first.</summary>
    public static List<TreeRecord> Chain(MetadataConnection connection, long id)
    {
        using MetadataRows row = connection.Query(
            """
            WITH RECURSIVE chain(depth, parent, tree) AS (
                SELECT 0, parent, tree FROM snapshot WHERE id = ?1
                UNION ALL
                SELECT depth + 1, snapshot.parent, snapshot.tree FROM chain JOIN snapshot ON snapshot.id = chain.parent)
            SELECT t.id, t.place, t.directory, t.keeps_deletions, t.has_deletions, t.boot, l.path, l.is_foreign
            FROM chain JOIN tree t ON t.id = chain.tree LEFT JOIN place l ON l.id = t.place ORDER BY depth
            """, id);
        var trees = new List<TreeRecord>();
        while (row.Read())
            trees.Add(TreeTable.Read(row, 0, 1));
        return trees;
    }

    /// <summary>Up to <paramref name="count"/> snapshots whose row is behind <paramref name="after"/>, in the order of rows.</summary>
    public static List<SnapshotRecord> List(MetadataConnection connection, long after, int count, SnapshotKind? kind, string? parent)
    {
        using MetadataRows row = connection.Query(
            $"""
            SELECT {Columns}
            WHERE s.id > ?1 AND (?3 IS NULL OR s.kind = ?3) AND (?4 IS NULL OR s.parent = (SELECT id FROM snapshot WHERE name = ?4))
            ORDER BY s.id LIMIT ?2
            """, after, count, kind is { } wanted ? (long)wanted : (long?)null, parent);
        var records = new List<SnapshotRecord>();
        while (row.Read())
            records.Add(Read(row));
        return records;
    }

    /// <summary>A snapshot and all that are based on it, each after what it is based on.</summary>
    public static List<SnapshotRecord> WithDescendants(MetadataConnection connection, SnapshotRecord snapshot)
    {
        var all = new List<SnapshotRecord> { snapshot };
        for (int i = 0; i < all.Count; i++)
        {
            using MetadataRows row = connection.Query($"SELECT {Columns} WHERE s.parent = ?1", all[i].Id);
            while (row.Read())
                all.Add(Read(row));
        }
        return all;
    }

    /// <summary>Makes the row of a new snapshot; false where the name is taken.</summary>
    public static bool TryInsert(MetadataConnection connection, SnapshotInfo info, long? parentId, long? treeId, IdMappings mappings, bool isBorrowed) => connection.Execute(
        """
        INSERT INTO snapshot(name, kind, parent, tree, labels, created, updated, user_map, group_map, is_borrowed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        ON CONFLICT(name) DO NOTHING
        """,
        info.Name, (long)info.Kind, parentId, treeId, LabelText.Write(info.Labels), info.CreatedAt.UtcTicks, info.UpdatedAt.UtcTicks, mappings.Users, mappings.Groups, isBorrowed) > 0;

    /// <summary>The active snapshot becomes a committed one: the row stays, its name and kind change; its parent and tree where they are others now.</summary>
    public static void Commit(MetadataConnection connection, SnapshotRow active, SnapshotInfo info, long? parentId, long treeId)
    {
        connection.Execute(
            "UPDATE snapshot SET name = ?2, kind = ?3, labels = ?4, created = ?5, updated = ?6, user_map = '', group_map = '' WHERE id = ?1",
            active.Id, info.Name, (long)info.Kind, LabelText.Write(info.Labels), info.CreatedAt.UtcTicks, info.UpdatedAt.UtcTicks);
        if (parentId != active.ParentId)
            connection.Execute("UPDATE snapshot SET parent = ?2 WHERE id = ?1", active.Id, parentId);
        if (treeId != active.TreeId)
            connection.Execute("UPDATE snapshot SET tree = ?2 WHERE id = ?1", active.Id, treeId);
    }

    public static void SetLabels(MetadataConnection connection, long id, SnapshotInfo info) => connection.Execute(
        "UPDATE snapshot SET labels = ?2, updated = ?3 WHERE id = ?1", id, LabelText.Write(info.Labels), info.UpdatedAt.UtcTicks);

    /// <summary>A borrowed snapshot that nothing is based on any more, by its row; null where it is in use, or no borrowed one.</summary>
    public static (long? ParentId, long TreeId)? FindIdleBorrowed(MetadataConnection connection, long id)
    {
        using MetadataRows row = connection.Query(
            "SELECT parent, tree FROM snapshot s WHERE id = ?1 AND is_borrowed = 1 AND NOT EXISTS (SELECT 1 FROM snapshot c WHERE c.parent = s.id)", id);
        return row.Read() ? (row.IntegerOrNull(0), row.Integer(1)) : null;
    }

    public static void Delete(MetadataConnection connection, long id) => connection.Execute("DELETE FROM snapshot WHERE id = ?1", id);

    private static SnapshotRecord Read(MetadataRows row)
    {
        string name = row.Text(1);
        var info = new SnapshotInfo
        {
            Name = name,
            Kind = (SnapshotKind)row.Integer(2),
            Parent = row.TextOrNull(4),
            Labels = LabelText.Read(row.TextOrNull(6), name),
            CreatedAt = Time(row.Integer(7), name),
            UpdatedAt = Time(row.Integer(8), name),
        };
        TreeRecord? tree = row.IntegerOrNull(5) is null ? null : TreeTable.Read(row, 5, 13);
        var usage = tree is null ? default : new SnapshotUsage(row.Integer(9), row.Integer(10));
        return new SnapshotRecord(row.Integer(0), info, row.IntegerOrNull(3), tree, usage, new IdMappings(row.Text(11), row.Text(12)), row.IntegerOrNull(20) ?? 0, row.Flag(21));
    }

    private static DateTimeOffset Time(long ticks, string snapshot) =>
        ticks >= 0 && ticks <= DateTimeOffset.MaxValue.Ticks
            ? new DateTimeOffset(ticks, TimeSpan.Zero)
            : throw new ContainerdException(ErrorKind.DataCorrupted, $"Snapshot '{Excerpt.Of(snapshot)}': its time in the metadata is none.") { Subject = snapshot };
}
