namespace Containerd.Snapshots;

/// <summary>The statements about snapshots and their trees.</summary>
internal static class SnapshotTable
{
    // No kernel mounts a hundredth of that; in a damaged database parents may lead back to themselves.
    private const int MaxDepth = 50_000;

    private const string TreeColumns = "s.tree, s.keeps_deletions, s.has_deletions, s.boot, l.path, l.is_foreign";

    private const string Columns = $"""
        {TreeColumns}, s.name, s.kind, s.parent, s.labels, s.created, s.updated, s.diff_id, s.inodes, s.bytes, s.fingerprint, s.user_map, s.group_map, s.children, s.is_borrowed, s.identity
        FROM snapshot s LEFT JOIN place l ON l.id = s.place
        """;

    // The store's own trees, wherever they lie.
    private const string FromOwnTrees = "FROM snapshot s LEFT JOIN place l ON l.id = s.place WHERE s.tree IS NOT NULL AND (l.is_foreign IS NULL OR l.is_foreign = 0)";

    public static SnapshotRecord? Find(MetadataConnection connection, string name)
    {
        using MetadataRows row = connection.Query($"SELECT {Columns} WHERE s.name = ?1", name);
        return row.Read() ? Read(row) : null;
    }

    /// <summary>What users see of a snapshot, and the identity of the one it stands for where it is borrowed.</summary>
    public static (SnapshotInfo? Info, long? Borrowed) FindInfo(MetadataConnection connection, string name)
    {
        // The identity is the last of a row: where it is not needed, memory is not touched for it.
        using MetadataRows row = connection.Query("SELECT kind, parent, labels, created, updated, CASE WHEN is_borrowed THEN identity END FROM snapshot WHERE name = ?1", name);
        return row.Read() ? (ReadInfo(row, name, 0), row.IntegerOrNull(5)) : default;
    }

    /// <summary>A snapshot without what is only shown of it.</summary>
    public static SnapshotRow? FindRow(MetadataConnection connection, string name)
    {
        using MetadataRows row = connection.Query("SELECT kind, parent, identity FROM snapshot WHERE name = ?1", name);
        return row.Read() ? new SnapshotRow(name, (SnapshotKind)row.Integer(0), row.TextOrNull(1), row.Integer(2)) : null;
    }

    public static bool Exists(MetadataConnection connection, string name) =>
        connection.QueryInteger("SELECT 1 FROM snapshot WHERE name = ?1", name) is not null;

    /// <summary>The trees of a committed snapshot and of all beneath it, topmost first.</summary>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.DataCorrupted"/>: the chain has no end.</exception>
    public static List<TreeRecord> Chain(MetadataConnection connection, string name)
    {
        using MetadataRows row = connection.Query(
            $"""
            WITH RECURSIVE chain(depth, parent, tree, keeps_deletions, has_deletions, boot, place) AS (
                SELECT 0, parent, tree, keeps_deletions, has_deletions, boot, place FROM snapshot WHERE name = ?1
                UNION ALL
                SELECT c.depth + 1, s.parent, s.tree, s.keeps_deletions, s.has_deletions, s.boot, s.place FROM chain c JOIN snapshot s ON s.name = c.parent WHERE c.depth < ?2)
            SELECT {TreeColumns} FROM chain s LEFT JOIN place l ON l.id = s.place ORDER BY s.depth
            """, name, MaxDepth);
        var trees = new List<TreeRecord>();
        while (row.Read())
            trees.Add(ReadTree(row) ?? throw WithoutTree(name));
        CheckDepth(name, trees.Count);
        return trees;
    }

    /// <summary>Throws where a chain has more snapshots than any that has an end.</summary>
    public static void CheckDepth(string name, int count)
    {
        if (count > MaxDepth)
        {
            throw new ContainerdException(
                ErrorKind.DataCorrupted, $"Snapshot '{Excerpt.Of(name)}': the parents that the metadata names have no end; have StoreRecovery save what is whole.")
            { Subject = name };
        }
    }

    /// <summary>The snapshots whose parents lead back to themselves, and what is based on those. Looks at all snapshots.</summary>
    public static HashSet<string> InCircles(MetadataConnection connection)
    {
        Dictionary<string, string> parents = Children(connection).ToDictionary(pair => pair.Name, pair => pair.Parent, StringComparer.Ordinal);
        var ended = new HashSet<string>(StringComparer.Ordinal);
        var circling = new HashSet<string>(StringComparer.Ordinal);
        foreach (string name in parents.Keys)
        {
            var way = new HashSet<string>(StringComparer.Ordinal);
            string? at = name;
            while (at is not null && !ended.Contains(at) && !circling.Contains(at) && way.Add(at))
                at = parents.GetValueOrDefault(at);
            (at is null || ended.Contains(at) ? ended : circling).UnionWith(way);
        }
        return circling;
    }

    /// <summary>Up to <paramref name="count"/> snapshots whose name is behind <paramref name="after"/>, in the order of names. To find those of a parent, all are looked at.</summary>
    public static List<SnapshotRecord> List(MetadataConnection connection, string after, int count, SnapshotKind? kind, string? parent)
    {
        using MetadataRows row = connection.Query(
            $"SELECT {Columns} WHERE s.name > ?1 AND (?3 IS NULL OR s.kind = ?3) AND (?4 IS NULL OR s.parent = ?4) ORDER BY s.name LIMIT ?2",
            after, count, kind is { } wanted ? (long)wanted : (long?)null, parent);
        var records = new List<SnapshotRecord>();
        while (row.Read())
            records.Add(Read(row));
        return records;
    }

    /// <summary>A snapshot and all that are based on it, each after what it is based on. Looks at all snapshots.</summary>
    public static List<SnapshotRecord> WithDescendants(MetadataConnection connection, SnapshotRecord snapshot)
    {
        ILookup<string, string> children = Children(connection).ToLookup(pair => pair.Parent, pair => pair.Name, StringComparer.Ordinal);
        var all = new List<SnapshotRecord> { snapshot };
        var seen = new HashSet<string>(StringComparer.Ordinal) { snapshot.Info.Name };
        for (int i = 0; i < all.Count; i++)
            all.AddRange(children[all[i].Info.Name].Where(seen.Add).Select(name => Find(connection, name)!));
        return all;
    }

    /// <summary>Makes the row of an active snapshot or a view; false where the name is taken.</summary>
    public static bool TryInsert(MetadataConnection connection, SnapshotInfo info, TreeRecord? tree, long? place, IdMappings mappings) => connection.Execute(
        """
        INSERT INTO snapshot(name, kind, parent, tree, place, keeps_deletions, boot, labels, created, updated, user_map, group_map, identity)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, random()) ON CONFLICT(name) DO NOTHING
        """,
        info.Name, (long)info.Kind, info.Parent, tree?.Id, place, tree?.KeepsDeletions ?? false, tree?.Boot,
        LabelText.Write(info.Labels), info.CreatedAt.UtcTicks, info.UpdatedAt.UtcTicks, mappings.Users, mappings.Groups) > 0;

    /// <summary>Makes the row of a committed snapshot; false where the name is taken.</summary>
    /// <param name="connection">The database.</param>
    /// <param name="info">What users see of it.</param>
    /// <param name="tree">Its tree.</param>
    /// <param name="borrowed">The identity of the one it stands for, where it is another store's.</param>
    public static bool TryInsertCommitted(MetadataConnection connection, SnapshotInfo info, in CommittedTree tree, long? borrowed = null) => connection.Execute(
        """
        INSERT INTO snapshot(
            name, kind, parent, tree, place, diff_id, keeps_deletions, has_deletions, inodes, bytes, fingerprint, synced, labels, created, updated, user_map, group_map, is_borrowed, identity)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, '', '', ?16, COALESCE(?17, random())) ON CONFLICT(name) DO NOTHING
        """,
        info.Name, (long)info.Kind, info.Parent, tree.Tree.Id, tree.Tree.IsForeign ? PlaceTable.Ensure(connection, tree.Tree.Place!, isForeign: true) : (long?)null,
        tree.DiffId, tree.Tree.KeepsDeletions, tree.Measure.HasDeletions, tree.Measure.Usage.Inodes, tree.Measure.Usage.Bytes, tree.Measure.Fingerprint, tree.Synced,
        LabelText.Write(info.Labels), info.CreatedAt.UtcTicks, info.UpdatedAt.UtcTicks, borrowed is not null, borrowed) > 0;

    /// <summary>Counts a snapshot that is about to be based on another, if that still is what it was.</summary>
    public static bool TryAddChild(MetadataConnection connection, in SnapshotRow parent) => connection.Execute(
        "UPDATE snapshot SET children = children + 1 WHERE name = ?1 AND identity = ?2", parent.Name, parent.Identity) > 0;

    /// <summary>Deletes the row of an active snapshot, whose parent goes on counting it; false where there is none of that key and tree.</summary>
    public static bool TryTakeActive(MetadataConnection connection, string key, long tree) =>
        connection.Execute("DELETE FROM snapshot WHERE name = ?1 AND kind = 2 AND tree = ?2", key, tree) > 0;

    public static void SetLabels(MetadataConnection connection, SnapshotInfo info) => connection.Execute(
        "UPDATE snapshot SET labels = ?2, updated = ?3 WHERE name = ?1", info.Name, LabelText.Write(info.Labels), info.UpdatedAt.UtcTicks);

    /// <summary>Deletes the row of a snapshot that nothing is based on, and those of borrowed ones beneath that nothing is based on then. What is gone already is no error.</summary>
    public static void Delete(MetadataConnection connection, string name, string? parent)
    {
        if (connection.Execute("DELETE FROM snapshot WHERE name = ?1", name) == 0)
            return; // given back with the last that was based on it: the parent does not count it any more
        for (bool isIdle = true; isIdle && parent is { } below;)
        {
            using (MetadataRows row = connection.Query(
                "UPDATE snapshot SET children = children - 1 WHERE name = ?1 RETURNING is_borrowed AND children = 0, parent", below))
            {
                isIdle = row.Read() && row.Flag(0);
                parent = isIdle ? row.TextOrNull(1) : null;
            }
            // What was borrowed is given back: the store it belongs to may replace it now.
            if (isIdle)
                connection.Execute("DELETE FROM snapshot WHERE name = ?1", below);
        }
    }

    /// <summary>The tree of a layer; null where no snapshot has it to share.</summary>
    /// <param name="connection">The database.</param>
    /// <param name="diffId">The layer.</param>
    /// <param name="overParent">Whether it is to lie over others: then what it deletes has to be in it.</param>
    public static CommittedTree? FindShared(MetadataConnection connection, string diffId, bool overParent)
    {
        using MetadataRows row = connection.Query(
            """
            SELECT tree, keeps_deletions, has_deletions, NULL, NULL, NULL, inodes, bytes, fingerprint, synced FROM snapshot
            WHERE diff_id = ?1 AND keeps_deletions >= ?2 AND is_damaged = 0 ORDER BY keeps_deletions DESC LIMIT 1
            """, diffId, overParent);
        return row.Read() ? new CommittedTree(ReadTree(row) ?? throw WithoutTree(diffId), ReadMeasure(row, 6), diffId, row.Flag(9)) : null;
    }

    /// <summary>Whether a tree of exactly that kind is shared for a layer already.</summary>
    public static bool IsShared(MetadataConnection connection, string diffId, bool keepsDeletions) =>
        connection.QueryInteger("SELECT 1 FROM snapshot WHERE diff_id = ?1 AND keeps_deletions = ?2 AND is_damaged = 0", diffId, keepsDeletions) is not null;

    /// <summary>Whether any snapshot has a tree that is shared.</summary>
    public static bool HasShared(MetadataConnection connection, long tree) =>
        connection.QueryInteger("SELECT 1 FROM snapshot WHERE tree = ?1 AND diff_id IS NOT NULL", tree) is not null;

    /// <summary>A tree that turned out to be lost is no longer offered for its layer.</summary>
    public static void StopSharing(MetadataConnection connection, long tree) =>
        connection.Execute("UPDATE snapshot SET is_damaged = 1 WHERE tree = ?1 AND diff_id IS NOT NULL", tree);

    /// <summary>A shared tree has been flushed to disk.</summary>
    public static void MarkSynced(MetadataConnection connection, long tree) =>
        connection.Execute("UPDATE snapshot SET synced = 1 WHERE tree = ?1 AND diff_id IS NOT NULL", tree);

    /// <summary>The numbers of all trees that are the store's own, wherever they lie. Looks at all snapshots.</summary>
    public static HashSet<long> OwnTrees(MetadataConnection connection)
    {
        using MetadataRows row = connection.Query($"SELECT s.tree {FromOwnTrees}");
        var trees = new HashSet<long>();
        while (row.Read())
            trees.Add(row.Integer(0));
        return trees;
    }

    /// <summary>Whether a tree of the store is any snapshot's. Looks at all snapshots.</summary>
    public static bool HasTree(MetadataConnection connection, long tree) => connection.QueryInteger($"SELECT 1 {FromOwnTrees} AND s.tree = ?1", tree) is not null;

    /// <summary>What the rows say of one another that cannot be; empty in a database that is in order.</summary>
    public static List<string> Contradictions(MetadataConnection connection)
    {
        List<(string Name, string Parent)> based = Children(connection);
        Dictionary<string, int> counts = based.CountBy(pair => pair.Parent, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        var found = new List<string>();
        using (MetadataRows row = connection.Query("SELECT name, children FROM snapshot WHERE children <> 0"))
        {
            while (row.Read())
            {
                string name = row.Text(0);
                counts.Remove(name, out int count);
                if (count != row.Integer(1))
                    found.Add($"snapshot '{Excerpt.Of(name)}' counts {row.Integer(1)} that are based on it, and there are {count}");
            }
        }
        using (MetadataRows row = connection.Query("SELECT name FROM snapshot WHERE tree IS NULL AND kind <> 1"))
        {
            while (row.Read())
                found.Add($"snapshot '{Excerpt.Of(row.Text(0))}' has no tree, and is no view");
        }
        found.AddRange(InCircles(connection).Select(name => $"the parents of snapshot '{Excerpt.Of(name)}' have no end"));
        found.AddRange(counts.Keys.Select(parent => $"others are based on '{Excerpt.Of(parent)}', which does not count them or is missing"));
        using (MetadataRows row = connection.Query(
            $"""
            SELECT s.tree {FromOwnTrees}
            GROUP BY s.tree HAVING COUNT(*) > 1 AND (COUNT(s.diff_id) < COUNT(*) OR MIN(s.diff_id) <> MAX(s.diff_id))
            """))
        {
            while (row.Read())
                found.Add($"several snapshots have the tree {row.Integer(0)}, which is shared for no layer");
        }
        return found;
    }

    private static List<(string Name, string Parent)> Children(MetadataConnection connection)
    {
        using MetadataRows row = connection.Query("SELECT name, parent FROM snapshot WHERE parent IS NOT NULL");
        var children = new List<(string, string)>();
        while (row.Read())
            children.Add((row.Text(0), row.Text(1)));
        return children;
    }

    private static SnapshotRecord Read(MetadataRows row)
    {
        string name = row.Text(6);
        return new SnapshotRecord(
            ReadInfo(row, name, 7), ReadTree(row), row.TextOrNull(12), ReadMeasure(row, 13), new IdMappings(row.Text(16), row.Text(17)), row.Integer(18) > 0, row.Flag(19), row.Integer(20));
    }

    /// <summary>Only damage makes a row like that.</summary>
    public static ContainerdException WithoutTree(string snapshot) =>
        new(ErrorKind.DataCorrupted, $"Snapshot '{Excerpt.Of(snapshot)}': the metadata names no tree of it, or of one beneath; have StoreRecovery save what is whole.") { Subject = snapshot };

    // Each of these reads consecutive columns; a tree the first ones.
    private static TreeRecord? ReadTree(MetadataRows row) => row.IntegerOrNull(0) is { } id
        ? new TreeRecord(id, row.TextOrNull(4), row.IntegerOrNull(5) is 1, row.Flag(1), row.Flag(2), row.TextOrNull(3))
        : null;

    private static SnapshotInfo ReadInfo(MetadataRows row, string name, int first) => new()
    {
        Name = name,
        Kind = (SnapshotKind)row.Integer(first),
        Parent = row.TextOrNull(first + 1),
        Labels = LabelText.Read(row.TextOrNull(first + 2), name),
        CreatedAt = Time(row.Integer(first + 3), name),
        UpdatedAt = Time(row.Integer(first + 4), name),
    };

    private static TreeMeasure ReadMeasure(MetadataRows row, int first) =>
        new(new SnapshotUsage(row.Integer(first), row.Integer(first + 1)), HasDeletions: row.Flag(2), row.Integer(first + 2));

    private static DateTimeOffset Time(long ticks, string snapshot) =>
        ticks >= 0 && ticks <= DateTimeOffset.MaxValue.Ticks
            ? new DateTimeOffset(ticks, TimeSpan.Zero)
            : throw new ContainerdException(ErrorKind.DataCorrupted, $"Snapshot '{Excerpt.Of(snapshot)}': its time in the metadata is none.") { Subject = snapshot };
}
