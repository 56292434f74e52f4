namespace Containerd.Snapshots;

/// <summary>
/// A store in format 3 with schema 3: <see cref="FormatTwoStore"/> as <c>OverlaySnapshotter</c> at commit c483b72 left it after it had brought it to that format, adopted the layer
/// twice more, fitted another onto it, and prepared an active snapshot and a view on those.
/// </summary>
internal static class FormatThreeStore
{
    private const string Dump = """
        BEGIN TRANSACTION;
        CREATE TABLE place(
            id INTEGER PRIMARY KEY,
            path TEXT NOT NULL,
            is_foreign INTEGER NOT NULL,
            UNIQUE (path, is_foreign)) STRICT;
        INSERT INTO place VALUES(1,'DIRECTORY/writable/6e53287217e69114',0);
        INSERT INTO place VALUES(2,'DIRECTORY/additional',1);
        CREATE TABLE reservation(
            first INTEGER PRIMARY KEY,
            count INTEGER NOT NULL,
            owner TEXT NOT NULL) STRICT;
        INSERT INTO reservation VALUES(1,1,'ff15826192e2ef28');
        INSERT INTO reservation VALUES(2,64,'ff15826192e2ef28');
        INSERT INTO reservation VALUES(67,1,'828178ddc3b7e631');
        INSERT INTO reservation VALUES(68,64,'828178ddc3b7e631');
        INSERT INTO reservation VALUES(132,1,'3aef5d68cef1effb');
        INSERT INTO reservation VALUES(133,64,'3aef5d68cef1effb');
        CREATE TABLE sequence(next_tree INTEGER NOT NULL) STRICT;
        INSERT INTO sequence VALUES(197);
        CREATE TABLE snapshot(
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
        INSERT INTO snapshot VALUES('active',2,'second',0,8,1,NULL,1,1,0,0,0,0,0,NULL,'{"work":"in progress"}',639310670620005716,639310670620005716,'','',0);
        INSERT INTO snapshot VALUES('base',3,NULL,2,3,NULL,'sha256:be9b7607e070383c083b082c9c32d5509931bf9b297caf90bfdb7a692424c158',0,0,2,4096,-3843876306042570411,1,0,NULL,'{"kept":"yes","\u00E9":"\u00FC"}',639310670619655061,639310670619655061,'','',0);
        INSERT INTO snapshot VALUES('empty view',1,NULL,0,11,NULL,NULL,0,1,0,0,0,0,0,NULL,'',639310670620091326,639310670620091326,'','',0);
        INSERT INTO snapshot VALUES('first',3,'base',2,7,NULL,'sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85',1,0,2,4096,320018988002210784,1,0,NULL,'',639310670619926018,639310670619926018,'','',0);
        INSERT INTO snapshot VALUES('fitted',3,'second',1,133,NULL,'sha256:c0164c09bb2aa50cb8b85f142eaaf9f55b60d71fea45bade18e8e1e5f73f2181',1,0,2,8192,-8099621352190165718,1,0,NULL,'',639312976371387960,639312976371387960,'','',0);
        INSERT INTO snapshot VALUES('lent',3,NULL,1,1,2,NULL,0,0,2,4096,-705578014071283417,1,0,NULL,'',639310670618766029,639310670618766029,'','',1);
        INSERT INTO snapshot VALUES('look',1,'third again',0,NULL,NULL,NULL,0,1,0,0,0,0,0,NULL,'',639312976371478447,639312976371478447,'','',0);
        INSERT INTO snapshot VALUES('mapped',2,'first',0,10,1,NULL,1,1,0,0,0,0,0,NULL,'',639310670620071951,639310670620071951,'0:100000:65536','0:100000:65536',0);
        INSERT INTO snapshot VALUES('on lent',2,'lent',0,9,1,NULL,1,1,0,0,0,0,0,NULL,'',639310670620026486,639310670620026486,'','',0);
        INSERT INTO snapshot VALUES('other',3,NULL,2,5,NULL,NULL,0,0,2,4096,-8790327945287220340,1,0,NULL,'',639310670619803865,639310670619803865,'','',0);
        INSERT INTO snapshot VALUES('second',3,'other',3,7,NULL,'sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85',1,0,2,4096,320018988002210784,1,0,NULL,'',639310670619974751,639310670619974751,'','',0);
        INSERT INTO snapshot VALUES('third',3,'other',0,7,NULL,'sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85',1,0,2,4096,320018988002210784,1,0,NULL,'',639312976371146257,639312976371146257,'','',0);
        INSERT INTO snapshot VALUES('third again',3,'first',1,7,NULL,'sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85',1,0,2,4096,320018988002210784,1,0,NULL,'',639312976371172960,639312976371172960,'','',0);
        INSERT INTO snapshot VALUES('view',1,'second',0,NULL,NULL,NULL,0,1,0,0,0,0,0,NULL,'',639310670620084503,639310670620084503,'','',0);
        INSERT INTO snapshot VALUES('volatile',2,'base',0,68,1,NULL,1,1,0,0,0,0,0,'00000000-0000-4000-8000-000000000000','',639310670620224056,639310670620224056,'','',0);
        INSERT INTO snapshot VALUES('work',2,'fitted',0,134,1,NULL,1,1,0,0,0,0,0,NULL,'{"on":"fitted"}',639312976371412379,639312976371412379,'','',0);
        CREATE TABLE store(id TEXT NOT NULL) STRICT;
        INSERT INTO store VALUES('6e53287217e69114');
        CREATE INDEX snapshot_by_diff_id ON snapshot(diff_id, keeps_deletions) WHERE diff_id IS NOT NULL;
        CREATE INDEX snapshot_by_shared_tree ON snapshot(tree) WHERE diff_id IS NOT NULL;
        PRAGMA user_version = 3;
        COMMIT;
        """;

    /// <summary>Makes the store and its place for writable trees as <see cref="FormatTwoStore.Make"/>.</summary>
    public static void Make(string directory)
    {
        FormatTwoStore.MakeTrees(directory);
        string root = Path.Join(directory, "store");
        Directory.CreateDirectory(Path.Join(root, "layers/133/fs"));
        Directory.CreateDirectory(Path.Join(root, "layers/133/work"));
        File.WriteAllText(Path.Join(root, "layers/133/fs/fitted"), "fitted");
        string writable = Path.Join(Directory.GetDirectories(Path.Join(directory, "writable")).Single(), "layers/134");
        Directory.CreateDirectory(Path.Join(writable, "fs"));
        Directory.CreateDirectory(Path.Join(writable, "work"));
        File.WriteAllText(Path.Join(root, "owners/3aef5d68cef1effb"), "");
        FormatTwoStore.MakeMetadata(directory, Dump, 3);
    }
}
