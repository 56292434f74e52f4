namespace Containerd.Snapshots;

/// <summary>
/// A store in format 2 with schema 2, as <c>OverlaySnapshotter</c> at commit a60d137 made it and left it when it was killed, without the tables that format 1 has too: a layer over
/// two bases, active snapshots in a place for writable trees, one of them mapped and one of an earlier boot whose mounts flush nothing, one over what an additional store has lent, and two views.
/// </summary>
internal static class FormatTwoStore
{
    private const string Id = "6e53287217e69114";

    private const string Dump = """
        BEGIN TRANSACTION;
        CREATE TABLE reservation(
            first INTEGER PRIMARY KEY,
            count INTEGER NOT NULL,
            owner TEXT NOT NULL) STRICT;
        INSERT INTO reservation VALUES(1,1,'ff15826192e2ef28');
        INSERT INTO reservation VALUES(2,64,'ff15826192e2ef28');
        INSERT INTO reservation VALUES(67,1,'828178ddc3b7e631');
        INSERT INTO reservation VALUES(68,64,'828178ddc3b7e631');
        CREATE TABLE sequence(next_tree INTEGER NOT NULL) STRICT;
        INSERT INTO sequence VALUES(132);
        CREATE TABLE store(id TEXT NOT NULL) STRICT;
        INSERT INTO store VALUES('6e53287217e69114');
        CREATE TABLE place(
            id INTEGER PRIMARY KEY,
            path TEXT NOT NULL,
            is_foreign INTEGER NOT NULL,
            UNIQUE (path, is_foreign)) STRICT;
        INSERT INTO place VALUES(1,'DIRECTORY/writable/6e53287217e69114',0);
        INSERT INTO place VALUES(2,'DIRECTORY/additional',1);
        CREATE TABLE tree(
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
        INSERT INTO tree VALUES(3,'sha256:be9b7607e070383c083b082c9c32d5509931bf9b297caf90bfdb7a692424c158',0,0,2,4096,1,-3843876306042570411,NULL,NULL,NULL);
        INSERT INTO tree VALUES(5,NULL,0,0,2,4096,1,-8790327945287220340,NULL,NULL,NULL);
        INSERT INTO tree VALUES(7,'sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85',1,0,2,4096,1,320018988002210784,NULL,NULL,NULL);
        INSERT INTO tree VALUES(8,NULL,1,1,0,0,0,NULL,NULL,1,8);
        INSERT INTO tree VALUES(9,NULL,1,1,0,0,0,NULL,NULL,1,9);
        INSERT INTO tree VALUES(10,NULL,1,1,0,0,0,NULL,NULL,1,10);
        INSERT INTO tree VALUES(11,NULL,0,1,0,0,0,NULL,NULL,NULL,NULL);
        INSERT INTO tree VALUES(66,NULL,0,0,2,4096,1,-705578014071283417,NULL,2,1);
        INSERT INTO tree VALUES(68,NULL,1,1,0,0,0,NULL,'00000000-0000-4000-8000-000000000000',1,68);
        CREATE TABLE snapshot(
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            kind INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),
            parent INTEGER REFERENCES snapshot(id),
            tree INTEGER REFERENCES tree(id),
            labels TEXT NOT NULL,
            created INTEGER NOT NULL,
            updated INTEGER NOT NULL,
            user_map TEXT NOT NULL DEFAULT '',
            group_map TEXT NOT NULL DEFAULT '',
            is_borrowed INTEGER NOT NULL DEFAULT 0) STRICT;
        INSERT INTO snapshot VALUES(1,'base',3,NULL,3,'{"kept":"yes","\u00E9":"\u00FC"}',639310670619655061,639310670619655061,'','',0);
        INSERT INTO snapshot VALUES(2,'other',3,NULL,5,'',639310670619803865,639310670619803865,'','',0);
        INSERT INTO snapshot VALUES(3,'first',3,1,7,'',639310670619926018,639310670619926018,'','',0);
        INSERT INTO snapshot VALUES(4,'second',3,2,7,'',639310670619974751,639310670619974751,'','',0);
        INSERT INTO snapshot VALUES(5,'active',2,4,8,'{"work":"in progress"}',639310670620005716,639310670620005716,'','',0);
        INSERT INTO snapshot VALUES(6,'lent',3,NULL,66,'',639310670618766029,639310670618766029,'','',1);
        INSERT INTO snapshot VALUES(7,'on lent',2,6,9,'',639310670620026486,639310670620026486,'','',0);
        INSERT INTO snapshot VALUES(8,'mapped',2,3,10,'',639310670620071951,639310670620071951,'0:100000:65536','0:100000:65536',0);
        INSERT INTO snapshot VALUES(9,'view',1,4,NULL,'',639310670620084503,639310670620084503,'','',0);
        INSERT INTO snapshot VALUES(10,'empty view',1,NULL,11,'',639310670620091326,639310670620091326,'','',0);
        INSERT INTO snapshot VALUES(11,'volatile',2,1,68,'',639310670620224056,639310670620224056,'','',0);
        CREATE INDEX snapshot_by_parent ON snapshot(parent) WHERE parent IS NOT NULL;
        CREATE INDEX snapshot_by_tree ON snapshot(tree) WHERE tree IS NOT NULL;
        CREATE UNIQUE INDEX tree_by_diff_id ON tree(diff_id, keeps_deletions) WHERE diff_id IS NOT NULL;
        CREATE INDEX tree_by_place ON tree(place, directory) WHERE place IS NOT NULL;
        PRAGMA user_version = 2;
        COMMIT;
        """;

    private static readonly string[] Directories =
    [
        "layers/3/fs", "layers/5/fs", "layers/7/fs", "layers/11/fs", "trash", "owners", "empty",
    ];

    /// <summary>Makes the store in <c>store</c> and its place for writable trees in <c>writable</c> of a directory; <c>additional</c> is for the test to make.</summary>
    public static void Make(string directory)
    {
        MakeTrees(directory);
        MakeMetadata(directory, Dump, 2);
    }

    /// <summary>Makes what lies beside the metadata.</summary>
    public static void MakeTrees(string directory)
    {
        string root = Path.Join(directory, "store"), writable = Path.Join(directory, "writable", Id);
        foreach (string path in Directories)
            Directory.CreateDirectory(Path.Join(root, path));
        foreach (int tree in (int[])[8, 9, 10, 68])
        {
            Directory.CreateDirectory(Path.Join(writable, "layers", $"{tree}", "fs"));
            Directory.CreateDirectory(Path.Join(writable, "layers", $"{tree}", "work"));
        }
        Directory.CreateDirectory(Path.Join(writable, "trash", "2", "fs"));
        foreach (string own in (string[])[root, Path.Join(directory, "writable"), writable])
            File.SetUnixFileMode(own, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (string file in (string[])["layers/3/fs/base", "layers/5/fs/other", "layers/7/fs/shared"])
            File.WriteAllText(Path.Join(root, file), Path.GetFileName(file));
        File.WriteAllText(Path.Join(writable, "layers/8/fs/new"), "new");
        File.WriteAllText(Path.Join(root, "lock"), "");
        foreach (string owner in (string[])["ff15826192e2ef28", "828178ddc3b7e631"])
            File.WriteAllText(Path.Join(root, "owners", owner), "");
    }

    /// <summary>Makes the metadata of a format from a dump, which has the directory as <c>DIRECTORY</c>.</summary>
    public static void MakeMetadata(string directory, string dump, int format)
    {
        string root = Path.Join(directory, "store");
        FormatOneStore.SetFormat(root, format);
        using MetadataConnection connection = MetadataConnection.Open(Path.Join(root, "metadata.db"), 0, Durability.Relaxed);
        connection.QueryText("PRAGMA journal_mode = WAL");
        connection.ExecuteScript(dump.Replace("DIRECTORY", directory, StringComparison.Ordinal));
    }
}
