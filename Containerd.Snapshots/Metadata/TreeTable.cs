using Microsoft.Data.Sqlite;

namespace Containerd.Snapshots;

/// <summary>The statements about trees and the reservation of their IDs.</summary>
internal static class TreeTable
{
    public static void Insert(MetadataConnection connection, long id, bool overParent) =>
        connection.Execute("INSERT INTO tree(id, over_parent) VALUES ($0, $1)", id, overParent ? 1L : 0L);

    public static void Seal(MetadataConnection connection, long id, SnapshotUsage usage, string? diffId, bool synced) => connection.Execute(
        "UPDATE tree SET inodes = $1, bytes = $2, diff_id = $3, synced = $4 WHERE id = $0", id, usage.Inodes, usage.Bytes, diffId, synced ? 1L : 0L);

    /// <summary>The tree of a layer, and whether it has been flushed to disk; null where no snapshot has it to share.</summary>
    public static (long Id, bool Synced)? FindByDiffId(MetadataConnection connection, string diffId, bool overParent)
    {
        using SqliteDataReader reader = connection.Query("SELECT id, synced FROM tree WHERE diff_id = $0 AND over_parent = $1", diffId, overParent ? 1L : 0L);
        return reader.Read() ? (reader.GetInt64(0), reader.GetInt64(1) != 0) : null;
    }

    /// <summary>A tree that turned out to be lost is no longer offered for its layer.</summary>
    public static void StopSharing(MetadataConnection connection, long id) => connection.Execute("UPDATE tree SET diff_id = NULL WHERE id = $0", id);

    public static void MarkSynced(MetadataConnection connection, long id) => connection.Execute("UPDATE tree SET synced = 1 WHERE id = $0", id);

    /// <summary>Forgets a tree that no snapshot refers to any more.</summary>
    /// <returns>Whether it was forgotten, so that its directory is garbage.</returns>
    public static bool DeleteUnreferenced(MetadataConnection connection, long id) =>
        connection.Execute("DELETE FROM tree WHERE id = $0 AND NOT EXISTS (SELECT 1 FROM snapshot WHERE tree = $0)", id) > 0;

    /// <summary>Reserves consecutive IDs for one owner, and ends its reservations of IDs that all lie below the oldest it still uses.</summary>
    public static long Reserve(MetadataConnection connection, int count, string owner, long oldest)
    {
        connection.Execute("DELETE FROM reservation WHERE owner = $0 AND first + count <= $1", owner, oldest);
        long first = NextId(connection);
        connection.Execute("UPDATE sequence SET next_tree = next_tree + $0", (long)count);
        connection.Execute("INSERT INTO reservation(first, count, owner) VALUES ($0, $1, $2)", first, (long)count, owner);
        return first;
    }

    /// <summary>All IDs below it have been given out.</summary>
    public static long NextId(MetadataConnection connection) =>
        connection.QueryInteger("SELECT next_tree FROM sequence")
            ?? throw new ContainerdException(ErrorKind.DataCorrupted, $"Metadata '{Excerpt.Of(connection.File)}': the sequence of tree IDs is missing.") { Subject = connection.File };

    public static List<(long First, long Count, string Owner)> Reservations(MetadataConnection connection)
    {
        using SqliteDataReader reader = connection.Query("SELECT first, count, owner FROM reservation");
        var reservations = new List<(long, long, string)>();
        while (reader.Read())
            reservations.Add((reader.GetInt64(0), reader.GetInt64(1), reader.GetString(2)));
        return reservations;
    }

    public static void EndReservations(MetadataConnection connection, string owner) => connection.Execute("DELETE FROM reservation WHERE owner = $0", owner);

    public static bool Exists(MetadataConnection connection, long id) => connection.QueryInteger("SELECT 1 FROM tree WHERE id = $0", id) is not null;
}
