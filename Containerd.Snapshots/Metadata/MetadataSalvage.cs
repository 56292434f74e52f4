namespace Containerd.Snapshots;

/// <summary>Copies what can be read of a damaged database into a new one.</summary>
internal static class MetadataSalvage
{
    /// <summary>Copies.</summary>
    /// <param name="damaged">The damaged database; it may be missing, or no database at all.</param>
    /// <param name="target">The new one, empty.</param>
    /// <param name="nextTree">No tree on disk has this number or a higher one.</param>
    /// <returns>The names of the snapshots copied.</returns>
    public static List<string> Copy(string damaged, MetadataConnection target, long nextTree)
    {
        if (!target.TryBeginWrite())
            throw new ContainerdException(ErrorKind.Unavailable, $"Metadata '{Excerpt.Of(target.File)}': another process writes to it.") { Subject = target.File };
        if (File.Exists(damaged))
        {
            foreach ((string table, string columns) in Tables(target))
                CopyTable(damaged, target, table, columns);
        }
        // What refers to what was lost is lost too; again and again, since chains are long.
        target.Execute("DELETE FROM tree WHERE place IS NOT NULL AND place NOT IN (SELECT id FROM place)");
        target.Execute("DELETE FROM snapshot WHERE tree IS NOT NULL AND tree NOT IN (SELECT id FROM tree)");
        while (target.Execute("DELETE FROM snapshot WHERE parent IS NOT NULL AND parent NOT IN (SELECT id FROM snapshot)") > 0)
        {
        }
        target.Execute("DELETE FROM tree WHERE id NOT IN (SELECT tree FROM snapshot WHERE tree IS NOT NULL)");
        target.Execute("DELETE FROM reservation");
        target.Execute("DELETE FROM store WHERE rowid NOT IN (SELECT MAX(rowid) FROM store)");
        target.Execute("DELETE FROM sequence");
        target.Execute("INSERT INTO sequence(next_tree) SELECT MAX(?1, (SELECT COALESCE(MAX(id), 0) + 1 FROM tree))", nextTree);
        target.Commit();
        return target.QueryTexts("SELECT name FROM snapshot ORDER BY id");
    }

    private static List<(string Table, string Columns)> Tables(MetadataConnection target)
    {
        // While rows come in any order, what they refer to may come later or never.
        target.ExecuteScript("PRAGMA defer_foreign_keys = ON");
        var tables = new List<(string, string)>();
        foreach (string table in (string[])["store", "place", "tree", "snapshot"])
            tables.Add((table, target.QueryText("SELECT group_concat(name, ', ') FROM pragma_table_info(?1)", table)!));
        return tables;
    }

    // From the front up to the damage, then from the back down to it. A damaged page in the middle takes the rows on it.
    private static void CopyTable(string damaged, MetadataConnection target, string table, string columns)
    {
        foreach (string order in (string[])["ASC", "DESC"])
        {
            try
            {
                using MetadataConnection source = MetadataConnection.OpenReadOnly(damaged, 1000);
                string known = source.QueryText("SELECT group_concat(name, ', ') FROM pragma_table_info(?1)", table) ?? "";
                string[] common = [.. columns.Split(", ").Intersect(known.Split(", "))];
                if (common.Length == 0)
                    return;
                // Schema 1 had another name for it.
                bool isOld = table == "tree" && known.Split(", ").Contains("over_parent");
                if (isOld)
                    common = [.. common, "keeps_deletions"];
                string list = string.Join(", ", common), values = string.Join(", ", common.Select((_, i) => $"?{i + 1}"));
                using MetadataRows rows = source.Query($"SELECT {(isOld ? list.Replace("keeps_deletions", "over_parent", StringComparison.Ordinal) : list)} FROM {table} ORDER BY rowid {order}");
                while (rows.Read())
                    target.Execute($"INSERT OR IGNORE INTO {table}({list}) VALUES ({values})", rows.Values(common.Length));
                return; // all of it
            }
            catch (ContainerdException e) when (e.Kind is ErrorKind.DataCorrupted or ErrorKind.Unknown)
            {
                // This is as far as it can be read from this end, or the row is no row of such a table.
            }
        }
    }
}
