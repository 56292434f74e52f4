using System.Diagnostics;

namespace Containerd.Snapshots;

/// <summary>
/// A store as version 0.1 left it on disk, in format 1 with schema 1. Made by that version's <c>OverlaySnapshotter</c> (commit 6e281b1) and dumped as
/// SQL, tables before those that refer to them: a layer over two bases, one with a deletion, an active snapshot, two views, and the tree of a dead process in the trash.
/// </summary>
internal static class FormatOneStore
{
    public const string BottomDiffId = "sha256:be9b7607e070383c083b082c9c32d5509931bf9b297caf90bfdb7a692424c158";
    public const string LayerDiffId = "sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85";
    public const string DeadOwner = "b071b8cfa2ce7cbd";

    private const string Dump = """
        BEGIN TRANSACTION;
        CREATE TABLE reservation(
            first INTEGER PRIMARY KEY,
            count INTEGER NOT NULL,
            owner TEXT NOT NULL) STRICT;
        INSERT INTO reservation VALUES(1,64,'b071b8cfa2ce7cbd');
        CREATE TABLE sequence(next_tree INTEGER NOT NULL) STRICT;
        INSERT INTO sequence VALUES(65);
        CREATE TABLE tree(
            id INTEGER PRIMARY KEY,
            diff_id TEXT,
            over_parent INTEGER NOT NULL DEFAULT 0,
            inodes INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0,
            synced INTEGER NOT NULL DEFAULT 0,
            UNIQUE (diff_id, over_parent)) STRICT;
        INSERT INTO tree VALUES(1,'sha256:be9b7607e070383c083b082c9c32d5509931bf9b297caf90bfdb7a692424c158',0,2,8192,1);
        INSERT INTO tree VALUES(2,NULL,0,2,8192,1);
        INSERT INTO tree VALUES(3,'sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85',1,2,8192,1);
        INSERT INTO tree VALUES(5,NULL,1,2,4096,1);
        INSERT INTO tree VALUES(6,NULL,1,0,0,0);
        INSERT INTO tree VALUES(7,NULL,0,0,0,0);
        INSERT INTO tree VALUES(8,NULL,0,0,0,0);
        CREATE TABLE snapshot(
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            kind INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),
            parent INTEGER REFERENCES snapshot(id),
            tree INTEGER REFERENCES tree(id),
            labels TEXT NOT NULL,
            created INTEGER NOT NULL,
            updated INTEGER NOT NULL) STRICT;
        INSERT INTO snapshot VALUES(1,'base',3,NULL,1,'{"kept":"yes","\u00E9":"\u00FC"}',639310455767848532,639310455767848532);
        INSERT INTO snapshot VALUES(2,'other',3,NULL,2,'',639310455768191567,639310455768191567);
        INSERT INTO snapshot VALUES(3,'first',3,1,3,'',639310455768431874,639310455768431874);
        INSERT INTO snapshot VALUES(4,'second',3,2,3,'',639310455768532929,639310455768532929);
        INSERT INTO snapshot VALUES(5,'without',3,3,5,'{"deletes":"base"}',639310455768794924,639310455768794924);
        INSERT INTO snapshot VALUES(6,'active',2,5,6,'{"work":"in progress"}',639310455768844795,639310455768844795);
        INSERT INTO snapshot VALUES(7,'view',1,4,NULL,'',639310455768914915,639310455768914915);
        INSERT INTO snapshot VALUES(8,'empty view',1,NULL,7,'',639310455768923719,639310455768923719);
        INSERT INTO snapshot VALUES(9,'empty active',2,NULL,8,'',639310455768931435,639310455768931435);
        CREATE INDEX snapshot_by_parent ON snapshot(parent) WHERE parent IS NOT NULL;
        CREATE INDEX snapshot_by_tree ON snapshot(tree) WHERE tree IS NOT NULL;
        PRAGMA user_version = 1;
        COMMIT;
        """;

    private static readonly string[] Directories =
    [
        "layers/1/fs", "layers/1/work", "layers/2/fs", "layers/2/work", "layers/3/fs", "layers/3/work", "layers/5/fs", "layers/5/work",
        "layers/6/fs", "layers/6/work", "layers/7/fs", "layers/8/fs", "layers/8/work", "trash/4/fs", "trash/4/work", "owners",
    ];

    public static void Make(string root, int format = 1)
    {
        foreach (string directory in Directories)
            Directory.CreateDirectory(Path.Join(root, directory));
        File.SetUnixFileMode(root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (string file in (string[])["layers/1/fs/base", "layers/2/fs/other", "layers/3/fs/shared", "trash/4/fs/shared"])
            File.WriteAllText(Path.Join(root, file), Path.GetFileName(file));
        using (Process mknod = Process.Start("mknod", [Path.Join(root, "layers/5/fs/base"), "c", "0", "0"]))
            mknod.WaitForExit();
        File.WriteAllText(Path.Join(root, "lock"), "");
        File.WriteAllText(Path.Join(root, "owners", DeadOwner), "");
        SetFormat(root, format);
        using MetadataConnection connection = MetadataConnection.Open(Path.Join(root, "metadata.db"), 0, Durability.Relaxed);
        connection.QueryText("PRAGMA journal_mode = WAL");
        connection.ExecuteScript(Dump);
    }

    public static void SetFormat(string root, int format) =>
        File.WriteAllText(Path.Join(root, "format"), $$"""{"component":"snapshots.overlay","format":{{format}},"writer":"0.1.0"}""");
}
