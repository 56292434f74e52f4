using Microsoft.Data.Sqlite;

namespace Containerd.Snapshots;

/// <summary>The statements about snapshots and their trees.</summary>
internal static class SnapshotTable
{
    private const string Columns = """
        s.id, s.name, s.kind, s.parent, p.name, s.tree, s.labels, s.created, s.updated, t.inodes, t.bytes
        FROM snapshot s LEFT JOIN snapshot p ON p.id = s.parent LEFT JOIN tree t ON t.id = s.tree
        """;

    public static SnapshotRecord? Find(MetadataConnection connection, string name)
    {
        using SqliteDataReader reader = connection.Query($"SELECT {Columns} WHERE s.name = $0", name);
        return reader.Read() ? Read(reader) : null;
    }

    public static bool Exists(MetadataConnection connection, string name) =>
        connection.QueryInteger("SELECT 1 FROM snapshot WHERE name = $0", name) is not null;

    public static bool HasChildren(MetadataConnection connection, long id) =>
        connection.QueryInteger("SELECT 1 FROM snapshot WHERE parent = $0 LIMIT 1", id) is not null;

    /// <summary>The trees of a committed snapshot and of all beneath it, topmost first.</summary>
    public static List<long> Chain(MetadataConnection connection, long id)
    {
        using SqliteDataReader reader = connection.Query(
            """
            WITH RECURSIVE chain(depth, parent, tree) AS (
                SELECT 0, parent, tree FROM snapshot WHERE id = $0
                UNION ALL
                SELECT depth + 1, snapshot.parent, snapshot.tree FROM chain JOIN snapshot ON snapshot.id = chain.parent)
            SELECT tree FROM chain ORDER BY depth
            """, id);
        var trees = new List<long>();
        while (reader.Read())
            trees.Add(reader.GetInt64(0));
        return trees;
    }

    /// <summary>Up to <paramref name="count"/> snapshots whose row is behind <paramref name="after"/>, in the order of rows.</summary>
    public static List<SnapshotRecord> List(MetadataConnection connection, long after, int count, SnapshotKind? kind, string? parent)
    {
        using SqliteDataReader reader = connection.Query(
            $"""
            SELECT {Columns}
            WHERE s.id > $0 AND ($2 IS NULL OR s.kind = $2) AND ($3 IS NULL OR s.parent = (SELECT id FROM snapshot WHERE name = $3))
            ORDER BY s.id LIMIT $1
            """, after, count, kind is { } wanted ? (long)wanted : null, parent);
        var records = new List<SnapshotRecord>();
        while (reader.Read())
            records.Add(Read(reader));
        return records;
    }

    public static void Insert(MetadataConnection connection, SnapshotInfo info, long? parentId, long? treeId) => connection.Execute(
        "INSERT INTO snapshot(name, kind, parent, tree, labels, created, updated) VALUES ($0, $1, $2, $3, $4, $5, $6)",
        info.Name, (long)info.Kind, parentId, treeId, LabelText.Write(info.Labels), info.CreatedAt.UtcTicks, info.UpdatedAt.UtcTicks);

    /// <summary>The active snapshot becomes a committed one: the row stays, its name and kind change.</summary>
    public static void Commit(MetadataConnection connection, long id, SnapshotInfo info, long treeId) => connection.Execute(
        "UPDATE snapshot SET name = $1, kind = $2, tree = $3, labels = $4, created = $5, updated = $6 WHERE id = $0",
        id, info.Name, (long)info.Kind, treeId, LabelText.Write(info.Labels), info.CreatedAt.UtcTicks, info.UpdatedAt.UtcTicks);

    public static void SetLabels(MetadataConnection connection, long id, SnapshotInfo info) => connection.Execute(
        "UPDATE snapshot SET labels = $1, updated = $2 WHERE id = $0", id, LabelText.Write(info.Labels), info.UpdatedAt.UtcTicks);

    public static void Delete(MetadataConnection connection, long id) => connection.Execute("DELETE FROM snapshot WHERE id = $0", id);

    private static SnapshotRecord Read(SqliteDataReader row)
    {
        string name = row.GetString(1);
        long kind = row.GetInt64(2);
        var info = new SnapshotInfo
        {
            Name = name,
            Kind = (SnapshotKind)kind,
            Parent = row.IsDBNull(4) ? null : row.GetString(4),
            Labels = LabelText.Read(row.GetString(6), name),
            CreatedAt = new DateTimeOffset(row.GetInt64(7), TimeSpan.Zero),
            UpdatedAt = new DateTimeOffset(row.GetInt64(8), TimeSpan.Zero),
        };
        SnapshotUsage usage = row.IsDBNull(9) ? default : new SnapshotUsage(row.GetInt64(9), row.GetInt64(10));
        return new SnapshotRecord(row.GetInt64(0), info, row.IsDBNull(3) ? null : row.GetInt64(3), row.IsDBNull(5) ? null : row.GetInt64(5), usage);
    }
}
