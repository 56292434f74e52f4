namespace Containerd.Snapshots;

/// <summary>The tables, and how an older database becomes the current one.</summary>
internal static class MetadataSchema
{
    // Each entry takes the database from the version that is its index to the next. Entries are never changed, only added.
    private static readonly string[] Migrations =
    [
        """
        -- A directory layers/ID. It belongs to the snapshots that refer to it; with a diff ID, to as many as contain that layer (L-7).
        -- over_parent: it was the upper directory of an overlay, so what the layer deletes is in it as whiteouts. A tree without a parent has
        -- no trace of that, and none may be shown by a bind: one kind never stands in for the other (containerd#13030).
        CREATE TABLE tree(
            id INTEGER PRIMARY KEY,
            diff_id TEXT,
            over_parent INTEGER NOT NULL DEFAULT 0,
            inodes INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0,
            synced INTEGER NOT NULL DEFAULT 0,
            UNIQUE (diff_id, over_parent)) STRICT;

        CREATE TABLE snapshot(
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            kind INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),
            parent INTEGER REFERENCES snapshot(id),
            tree INTEGER REFERENCES tree(id),
            labels TEXT NOT NULL,
            created INTEGER NOT NULL,
            updated INTEGER NOT NULL) STRICT;
        CREATE INDEX snapshot_by_parent ON snapshot(parent) WHERE parent IS NOT NULL;
        CREATE INDEX snapshot_by_tree ON snapshot(tree) WHERE tree IS NOT NULL;

        -- IDs of trees are given out in blocks, so that a process makes directories without a transaction for each.
        CREATE TABLE sequence(next_tree INTEGER NOT NULL) STRICT;
        INSERT INTO sequence(next_tree) VALUES (1);
        CREATE TABLE reservation(
            first INTEGER PRIMARY KEY,
            count INTEGER NOT NULL,
            owner TEXT NOT NULL) STRICT;
        """,
        """
        -- Which store this is: the name of its directory where writable trees of several stores lie beside one another.
        CREATE TABLE store(id TEXT NOT NULL) STRICT;
        INSERT INTO store(id) VALUES (lower(hex(randomblob(8))));

        -- A directory of trees beside the store's own: for its writable trees (C16), or of another store, whose trees are only read (L-8).
        CREATE TABLE place(
            id INTEGER PRIMARY KEY,
            path TEXT NOT NULL,
            is_foreign INTEGER NOT NULL,
            UNIQUE (path, is_foreign)) STRICT;

        -- A tree keeps deletions if what its layer deletes is in it, as whiteouts and opaque directories: over a parent, or prepared as a layer.
        -- Whether there are any is known when it is committed; of older trees it is assumed.
        -- The table is made anew so that its index has the trees that are shared, and not every tree.
        CREATE TABLE tree_2(
            id INTEGER PRIMARY KEY,
            diff_id TEXT,
            keeps_deletions INTEGER NOT NULL,
            has_deletions INTEGER NOT NULL DEFAULT 1,
            inodes INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0,
            synced INTEGER NOT NULL DEFAULT 0,
            fingerprint INTEGER,
            boot TEXT,
            place INTEGER REFERENCES place(id),
            directory INTEGER) STRICT;
        INSERT INTO tree_2(id, diff_id, keeps_deletions, inodes, bytes, synced) SELECT id, diff_id, over_parent, inodes, bytes, synced FROM tree;
        DROP TABLE tree;
        ALTER TABLE tree_2 RENAME TO tree;
        CREATE UNIQUE INDEX tree_by_diff_id ON tree(diff_id, keeps_deletions) WHERE diff_id IS NOT NULL;
        CREATE INDEX tree_by_place ON tree(place, directory) WHERE place IS NOT NULL;

        ALTER TABLE snapshot ADD COLUMN user_map TEXT NOT NULL DEFAULT '';
        ALTER TABLE snapshot ADD COLUMN group_map TEXT NOT NULL DEFAULT '';

        -- It stands for one of an additional store (L-8), and goes with the last snapshot that is based on it.
        ALTER TABLE snapshot ADD COLUMN is_borrowed INTEGER NOT NULL DEFAULT 0;
        """,
        """
        -- One row says all there is of a snapshot, and lies where its name leads: what is prepared, committed or looked up is one descent of one tree, and writes
        -- a page or two. parent is a name: it is a committed snapshot's, which nobody can change while its count of children is not zero.
        -- tree is the directory layers/TREE of the place. Several snapshots have the same one only with a diff ID (L-7), and each then says the same of it.
        CREATE TABLE snapshot_3(
            name TEXT PRIMARY KEY,
            kind INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),
            parent TEXT,
            children INTEGER NOT NULL DEFAULT 0 CHECK (children >= 0),
            tree INTEGER,
            place INTEGER REFERENCES place(id),
            diff_id TEXT,
            keeps_deletions INTEGER NOT NULL,
            has_deletions INTEGER NOT NULL DEFAULT 1,
            inodes INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0,
            fingerprint INTEGER NOT NULL DEFAULT 0,
            synced INTEGER NOT NULL DEFAULT 0,
            is_damaged INTEGER NOT NULL DEFAULT 0,
            boot TEXT,
            labels TEXT NOT NULL,
            created INTEGER NOT NULL,
            updated INTEGER NOT NULL,
            user_map TEXT NOT NULL,
            group_map TEXT NOT NULL,
            is_borrowed INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
        INSERT INTO snapshot_3(
            name, kind, parent, children, tree, place, diff_id, keeps_deletions, has_deletions, inodes, bytes, fingerprint, synced, boot,
            labels, created, updated, user_map, group_map, is_borrowed)
        SELECT s.name, s.kind, p.name, (SELECT COUNT(*) FROM snapshot c WHERE c.parent = s.id), COALESCE(t.directory, t.id), t.place, t.diff_id,
            COALESCE(t.keeps_deletions, 0), COALESCE(t.has_deletions, 1), COALESCE(t.inodes, 0), COALESCE(t.bytes, 0), COALESCE(t.fingerprint, 0), COALESCE(t.synced, 0), t.boot,
            s.labels, s.created, s.updated, s.user_map, s.group_map, s.is_borrowed
        FROM snapshot s LEFT JOIN snapshot p ON p.id = s.parent LEFT JOIN tree t ON t.id = s.tree;
        DROP TABLE snapshot;
        DROP TABLE tree;
        ALTER TABLE snapshot_3 RENAME TO snapshot;
        CREATE INDEX snapshot_by_diff_id ON snapshot(diff_id, keeps_deletions) WHERE diff_id IS NOT NULL;
        CREATE INDEX snapshot_by_shared_tree ON snapshot(tree) WHERE diff_id IS NOT NULL;
        """,
        """
        -- Chosen at random when a row is made: whoever has read one sees whether the same row still has the name. One that is borrowed has that of the row it stands for.
        ALTER TABLE snapshot ADD COLUMN identity INTEGER NOT NULL DEFAULT 0;
        UPDATE snapshot SET identity = random();
        -- A tree that turned out to be lost was, up to version 2, shared for no layer any more, and still was of several: they stay known to have it together.
        UPDATE snapshot SET diff_id = 'lost:' || tree, is_damaged = 1
        WHERE kind = 3 AND diff_id IS NULL AND place IS NULL
            AND tree IN (SELECT tree FROM snapshot WHERE diff_id IS NULL AND place IS NULL GROUP BY tree HAVING COUNT(*) > 1);
        """,
    ];

    public static int Version => Migrations.Length;

    /// <summary>Makes the tables of a version in a database without any.</summary>
    public static void Make(MetadataConnection connection, long version)
    {
        for (int from = 0; from < version; from++)
            connection.ExecuteScript(Migrations[from]);
        connection.ExecuteScript($"PRAGMA user_version = {version}");
    }

    /// <summary>The version of a database that may be damaged, or missing; the current one where it does not say.</summary>
    public static long VersionOf(string damaged)
    {
        if (!File.Exists(damaged))
            return Version;
        try
        {
            using MetadataConnection connection = MetadataConnection.OpenReadOnly(damaged, 1000);
            return VersionOf(connection) is var version and > 0 && version <= Version ? version : Version;
        }
        catch (ContainerdException e) when (e.Kind is ErrorKind.DataCorrupted or ErrorKind.Unknown)
        {
            return Version; // no table of it can be read either
        }
    }

    /// <summary>Brings a database to the current version. The caller holds the root's lock, and an older one is in use by nobody.</summary>
    /// <param name="connection">The database.</param>
    /// <param name="isNew">Whether it may be an empty one, since there is nothing yet that it would have to know of.</param>
    public static void Migrate(MetadataConnection connection, bool isNew)
    {
        string? mode = connection.QueryText("PRAGMA journal_mode = WAL");
        if (mode != "wal")
        {
            throw new ContainerdException(
                ErrorKind.NotSupported,
                $"Metadata '{Excerpt.Of(connection.File)}': SQLite cannot keep a write-ahead log here (journal mode {Excerpt.Of(mode)}); a network file system cannot hold a store.")
            { Subject = connection.File };
        }
        long version = VersionOf(connection);
        if (version == Version)
            return;
        CheckNotNewer(connection, version);
        if (version == 0 && !isNew)
        {
            throw new ContainerdException(
                ErrorKind.DataCorrupted,
                $"Metadata '{Excerpt.Of(connection.File)}' is empty although the store has trees; restore it, or have StoreRecovery make one, to which no tree belongs.")
            { Subject = connection.File };
        }
        // Tables that others refer to are made anew; that every reference holds is checked in between.
        connection.Execute("PRAGMA foreign_keys = OFF");
        if (!connection.TryBeginWrite())
            throw new ContainerdException(ErrorKind.Unavailable, $"Metadata '{Excerpt.Of(connection.File)}': another process is writing while it is opened.") { Subject = connection.File };
        try
        {
            for (long from = version; from < Version; from++)
            {
                // Before what refers and what is referred to may become one.
                CheckReferences(connection);
                connection.ExecuteScript(Migrations[from]);
            }
            CheckReferences(connection);
            connection.ExecuteScript($"PRAGMA user_version = {Version}");
            connection.Commit();
        }
        catch
        {
            connection.Rollback();
            throw;
        }
    }

    /// <summary>Checks a database that is opened to read only, and so cannot be brought to the current version.</summary>
    public static void Check(MetadataConnection connection)
    {
        long version = VersionOf(connection);
        CheckNotNewer(connection, version);
        if (version < Version)
        {
            throw new ContainerdException(
                ErrorKind.NotSupported,
                $"Metadata '{Excerpt.Of(connection.File)}' has schema version {version}, this library reads {Version}. Open the store for writing once, which brings it up to date.")
            { Subject = connection.File };
        }
    }

    private static void CheckReferences(MetadataConnection connection)
    {
        if (connection.QueryText("PRAGMA foreign_key_check") is { } table)
            throw new ContainerdException(ErrorKind.DataCorrupted, $"Metadata '{Excerpt.Of(connection.File)}': rows of table '{Excerpt.Of(table)}' refer to nothing.") { Subject = connection.File };
    }

    private static void CheckNotNewer(MetadataConnection connection, long version)
    {
        if (version > Version)
        {
            throw new ContainerdException(
                ErrorKind.NotSupported,
                $"Metadata '{Excerpt.Of(connection.File)}' has schema version {version}, this library knows up to {Version}. Use the version that wrote it.")
            { Subject = connection.File };
        }
    }

    private static long VersionOf(MetadataConnection connection) => connection.QueryInteger("PRAGMA user_version") ?? 0;
}
