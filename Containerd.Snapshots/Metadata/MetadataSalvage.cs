namespace Containerd.Snapshots;

/// <summary>Copies what can be read of a damaged database into a new one.</summary>
internal static class MetadataSalvage
{
    private const int BusyMilliseconds = 1000;

    /// <summary>Copies.</summary>
    /// <param name="damaged">The damaged database; it may be missing, or no database at all.</param>
    /// <param name="target">The new one, without tables yet.</param>
    public static void Copy(string damaged, MetadataConnection target)
    {
        // Into the same tables as it has; then they become the current ones, as those of any older store.
        long version = MetadataSchema.VersionOf(damaged);
        MetadataSchema.Make(target, version);
        Write(target, () =>
        {
            if (!File.Exists(damaged))
                return;
            foreach (string table in target.QueryTexts("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('sequence', 'reservation')"))
                CopyTable(damaged, target, table);
            DropLost(target, version);
        });
        MetadataSchema.Migrate(target, isNew: true);
        Write(target, () =>
        {
            target.Execute("DELETE FROM snapshot WHERE tree IS NULL AND kind <> 1");
            foreach (string name in SnapshotTable.InCircles(target))
                target.Execute("DELETE FROM snapshot WHERE name = ?1", name);
            // What refers to what was lost is lost too; again and again, since chains are long.
            while (target.Execute("DELETE FROM snapshot WHERE parent IS NOT NULL AND parent NOT IN (SELECT name FROM snapshot)") > 0)
            {
            }
            target.Execute(
                """
                UPDATE snapshot SET children = COALESCE(counted.children, 0) FROM snapshot s
                LEFT JOIN (SELECT parent, COUNT(*) AS children FROM snapshot WHERE parent IS NOT NULL GROUP BY parent) counted ON counted.parent = s.name
                WHERE snapshot.name = s.name
                """);
            target.Execute("DELETE FROM store WHERE rowid NOT IN (SELECT MAX(rowid) FROM store)");
        });
    }

    /// <summary>Sets the number that the next tree has: behind those of the snapshots, and not below <paramref name="atLeast"/>.</summary>
    public static void SetNextTree(MetadataConnection target, long atLeast) => Write(target, () =>
    {
        target.Execute("DELETE FROM sequence");
        target.Execute("INSERT INTO sequence(next_tree) SELECT MAX(?1, (SELECT COALESCE(MAX(tree), 0) + 1 FROM snapshot))", atLeast);
    });

    // What a migration refuses, or looks up: up to version 2 a snapshot referred to the rows of its parent and its tree.
    private static void DropLost(MetadataConnection target, long version)
    {
        if (version > 2)
        {
            target.Execute("DELETE FROM snapshot WHERE place IS NOT NULL AND place NOT IN (SELECT id FROM place)");
            return;
        }
        if (version == 2)
            target.Execute("DELETE FROM tree WHERE place IS NOT NULL AND place NOT IN (SELECT id FROM place)");
        target.Execute("DELETE FROM snapshot WHERE tree IS NOT NULL AND tree NOT IN (SELECT id FROM tree)");
        while (target.Execute("DELETE FROM snapshot WHERE parent IS NOT NULL AND parent NOT IN (SELECT id FROM snapshot)") > 0)
        {
        }
    }

    private static void Write(MetadataConnection target, Action body)
    {
        // While rows come in any order, what they refer to may come later or never.
        target.Execute("PRAGMA foreign_keys = OFF");
        if (!target.TryBeginWrite())
            throw new ContainerdException(ErrorKind.Unavailable, $"Metadata '{Excerpt.Of(target.File)}': another process writes to it.") { Subject = target.File };
        body();
        target.Commit();
    }

    private static void CopyTable(string damaged, MetadataConnection target, string table)
    {
        List<string> columns = target.QueryTexts($"SELECT name FROM pragma_table_info('{table}')");
        string list = string.Join(", ", columns), values = string.Join(", ", columns.Select((_, i) => $"?{i + 1}"));
        string insert = $"INSERT OR IGNORE INTO {table}({list}) VALUES ({values})";
        // The order of the pages that the rows lie on: no index is needed to read them.
        bool isByName = target.QueryText($"SELECT name FROM pragma_table_list WHERE name = '{table}' AND wr = 1") is not null;
        string inOrder = $"SELECT {list} FROM {table} ORDER BY {(isByName ? "name" : "rowid")}";
        if (CopyFromBothEnds(() => MetadataConnection.OpenReadOnly(damaged, BusyMilliseconds)) || !isByName)
            return;

        // Where a row lies by its name, the pages that lead to others have rows too, and there are many of them: what is beneath a damaged one is found page by page.
        using DamagedPages? pages = DamagedPages.TryCopy(damaged, target.File + ".pages");
        foreach (int page in pages?.Indexes() ?? [])
            CopyFromBothEnds(() => pages!.OpenWithRoot(table, page));

        // From the front up to the damage, then from the back down to it. A damaged page takes the rows on it.
        bool CopyFromBothEnds(Func<MetadataConnection> open) => CopyRun(open, " ASC") || CopyRun(open, " DESC");

        bool CopyRun(Func<MetadataConnection> open, string direction)
        {
            try
            {
                using MetadataConnection source = open();
                using MetadataRows rows = source.Query(inOrder + direction);
                while (rows.Read())
                    target.Execute(insert, rows.Values(columns.Count));
                return true;
            }
            catch (ContainerdException e) when (e.Kind is ErrorKind.DataCorrupted or ErrorKind.Unknown)
            {
                return false; // as far as it can be read from this end, or the row is no row of such a table
            }
        }
    }
}
