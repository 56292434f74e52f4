namespace Containerd.Snapshots;

/// <summary>The statements about directories of trees beside the store's own.</summary>
internal static class PlaceTable
{
    /// <summary>The row of a place, made where it is missing.</summary>
    public static long Ensure(MetadataConnection connection, string path, bool isForeign)
    {
        connection.Execute("INSERT INTO place(path, is_foreign) VALUES (?1, ?2) ON CONFLICT DO NOTHING", path, isForeign);
        return connection.QueryInteger("SELECT id FROM place WHERE path = ?1 AND is_foreign = ?2", path, isForeign)!.Value;
    }

    /// <summary>The places whose trees are this store's.</summary>
    public static List<(long Id, string Path)> ListOwn(MetadataConnection connection)
    {
        using MetadataRows row = connection.Query("SELECT id, path FROM place WHERE is_foreign = 0");
        var places = new List<(long, string)>();
        while (row.Read())
            places.Add((row.Integer(0), row.Text(1)));
        return places;
    }

    public static string StoreId(MetadataConnection connection) =>
        connection.QueryText("SELECT id FROM store")
            ?? throw new ContainerdException(ErrorKind.DataCorrupted, $"Metadata '{Excerpt.Of(connection.File)}': the store's ID is missing.") { Subject = connection.File };
}
