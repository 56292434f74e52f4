namespace Containerd.Snapshots;

/// <summary>The statements about the IDs of trees, and whose they are before a tree has them.</summary>
internal static class ReservationTable
{
    /// <summary>Reserves consecutive IDs for one owner, and ends its reservations of IDs that all lie below the oldest it still uses.</summary>
    public static long Reserve(MetadataConnection connection, int count, string owner, long oldest)
    {
        connection.Execute("DELETE FROM reservation WHERE owner = ?1 AND first + count <= ?2", owner, oldest);
        long first = NextId(connection);
        connection.Execute("UPDATE sequence SET next_tree = next_tree + ?1", count);
        connection.Execute("INSERT INTO reservation(first, count, owner) VALUES (?1, ?2, ?3)", first, count, owner);
        return first;
    }

    /// <summary>All IDs below it have been given out.</summary>
    public static long NextId(MetadataConnection connection) =>
        connection.QueryInteger("SELECT next_tree FROM sequence")
            ?? throw new ContainerdException(ErrorKind.DataCorrupted, $"Metadata '{Excerpt.Of(connection.File)}': the sequence of tree IDs is missing.") { Subject = connection.File };

    public static List<(long First, long Count, string Owner)> List(MetadataConnection connection)
    {
        using MetadataRows row = connection.Query("SELECT first, count, owner FROM reservation");
        var reservations = new List<(long, long, string)>();
        while (row.Read())
            reservations.Add((row.Integer(0), row.Integer(1), row.Text(2)));
        return reservations;
    }

    public static void End(MetadataConnection connection, string owner) => connection.Execute("DELETE FROM reservation WHERE owner = ?1", owner);
}
