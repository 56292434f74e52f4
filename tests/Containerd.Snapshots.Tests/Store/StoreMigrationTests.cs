using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Containerd.Snapshots;

public class StoreMigrationTests : StoreContentTest
{
    [SetUp]
    public void MakeOldStore() => FormatOneStore.Make(Root);

    [Test]
    public async Task A_store_of_format_1_has_everything_it_had()
    {
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        Assert.That((await ListAsync(snapshotter)).Select(info => (info.Name, info.Kind, info.Parent)), Is.EquivalentTo(new[]
        {
            ("base", SnapshotKind.Committed, null),
            ("other", SnapshotKind.Committed, null),
            ("first", SnapshotKind.Committed, "base"),
            ("second", SnapshotKind.Committed, "other"),
            ("without", SnapshotKind.Committed, "first"),
            ("active", SnapshotKind.Active, "without"),
            ("view", SnapshotKind.View, "second"),
            ("empty view", SnapshotKind.View, (string?)null),
            ("empty active", SnapshotKind.Active, null),
        }));
        SnapshotInfo first = (await snapshotter.FindAsync("base"))!;
        Assert.That(first.Labels, Is.EquivalentTo(new Dictionary<string, string> { ["kept"] = "yes", ["é"] = "ü" }));
        Assert.That(first.CreatedAt.UtcTicks, Is.EqualTo(639310455767848532));
        Assert.That(await snapshotter.UsageAsync("second"), Is.EqualTo(new SnapshotUsage(2, 8192)));
        Assert.That(File.ReadAllText(Path.Join(Root, "format")), Does.Contain("\"format\":4"));
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty);
    }

    [Test]
    public async Task Mounts_of_a_store_of_format_1_show_what_they_did()
    {
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        Assert.That(Shown(await snapshotter.MountsAsync("active")), Is.EqualTo(new[] { "shared" }), "the deletion is one");
        Assert.That(Shown(await snapshotter.MountsAsync("view")), Is.EqualTo(new[] { "other", "shared" }));
        Assert.That(Shown(await snapshotter.MountsAsync("empty view")), Is.Empty);
        Assert.That((await snapshotter.MountsAsync("empty active"))[0].Type, Is.EqualTo("bind"));
        Assert.That(Shown(await snapshotter.ViewAsync("view of base", "base")), Is.EqualTo(new[] { "base" }));
    }

    [Test]
    public async Task Work_goes_on_in_a_store_of_format_1()
    {
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        await File.WriteAllTextAsync(Path.Join(UpperOf(await snapshotter.MountsAsync("active")), "new"), "new");
        await snapshotter.CommitAsync("done", "active");
        Assert.That(Shown(await snapshotter.PrepareAsync("next", "done")), Is.EqualTo(new[] { "new", "shared" }));
        Assert.That(Entries("layers"), Does.Contain("65"), "no number is given out again");
        Assert.That(Entries("layers"), Has.Length.EqualTo(8));

        await snapshotter.CleanupAsync();
        Assert.That(Entries("trash"), Is.Empty);
        Assert.That(Entries("owners"), Does.Not.Contain(FormatOneStore.DeadOwner));
        Assert.That(Entries("layers"), Has.Length.EqualTo(8));
    }

    [Test]
    public async Task Layers_of_format_1_are_shared_where_they_can_be()
    {
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        Assert.That(await snapshotter.AdoptAsync("third", "other", Digest.Parse(FormatOneStore.LayerDiffId)), Is.Not.Null);
        Assert.That(Shown(await snapshotter.ViewAsync("view of third", "third")), Is.EqualTo(new[] { "other", "shared" }));
        Assert.That(await snapshotter.AdoptAsync("bottom", null, Digest.Parse(FormatOneStore.LayerDiffId)), Is.Not.Null);
        Assert.That(Shown(await snapshotter.ViewAsync("view of bottom", "bottom")), Is.EqualTo(new[] { "shared" }));
        Assert.That(await snapshotter.AdoptAsync("base over other", "other", Digest.Parse(FormatOneStore.BottomDiffId)), Is.Null, "what it deletes is not in it");
        Assert.That(await snapshotter.AdoptAsync("base again", null, Digest.Parse(FormatOneStore.BottomDiffId)), Is.Not.Null);
        await snapshotter.RemoveAsync("view");
        await snapshotter.RemoveAsync("second");
        await snapshotter.CleanupAsync();
        Assert.That(Entries("layers"), Does.Contain("3"));
    }

    [Test]
    public async Task A_process_killed_between_database_and_format_file_is_made_up_for()
    {
        new OverlaySnapshotter(Plain(Root)).Dispose();
        FormatOneStore.SetFormat(Root, 1);
        await File.WriteAllTextAsync(Path.Join(Root, "format.new"), "{\"compo");
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        Assert.That(await NamesAsync(snapshotter), Has.Length.EqualTo(9));
        Assert.That(Shown(await snapshotter.MountsAsync("active")), Is.EqualTo(new[] { "shared" }));
        Assert.That(File.ReadAllText(Path.Join(Root, "format")), Does.Contain("\"format\":4"));
    }

    [Test]
    public async Task What_fails_behind_the_migration_leaves_no_file_open()
    {
        Directory.CreateDirectory(Path.Join(Root, "format.new"));
        FailureToOpen();
        Assert.That(Directory.GetFiles("/proc/self/fd").Select(descriptor => new FileInfo(descriptor).LinkTarget ?? ""), Has.None.StartsWith(Root));
        Directory.Delete(Path.Join(Root, "format.new"));
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        Assert.That(await NamesAsync(snapshotter), Has.Length.EqualTo(9));
    }

    [Test]
    public void A_store_that_the_version_before_has_open_is_unavailable_and_stays_as_it_is()
    {
        string owner = Path.Join(Root, "owners", "0123456789abcdef");
        using (SafeFileHandle living = Interop.Sys.TryOpen(null, owner, LibC.O_RDWR | LibC.O_CREAT, out _)!)
        {
            Assert.That(Interop.Sys.TryLock(living, owner));
            string format = File.ReadAllText(Path.Join(Root, "format"));
            ContainerdException failure = FailureToOpen();
            Assert.That(failure.Kind, Is.EqualTo(ErrorKind.Unavailable));
            Assert.That(failure.Message, Does.Contain(Root).And.Contain("format 1"));
            Assert.That(File.ReadAllText(Path.Join(Root, "format")), Is.EqualTo(format));
            Assert.That(SchemaVersion(), Is.EqualTo(1));
        }
        Assert.That(() => new OverlaySnapshotter(Plain(Root)).Dispose(), Throws.Nothing);
        Assert.That(SchemaVersion(), Is.EqualTo(4));
    }

    [Test]
    public void Format_1_is_refused_to_read_only_and_not_touched()
    {
        string[] before = OnDisk(Root);
        ContainerdException failure = Assert.Throws<ContainerdException>(() => new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, IsReadOnly = true }))!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotSupported));
        Assert.That(failure.Message, Does.Contain("format 1").And.Contain("reads 4").And.Contain("for writing"));
        Assert.That(OnDisk(Root), Is.EqualTo(before));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Format_5_is_refused_and_not_touched(bool isReadOnly)
    {
        FormatOneStore.SetFormat(Root, 5);
        string[] before = OnDisk(Root);
        ContainerdException failure = Assert.Throws<ContainerdException>(() => new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, IsReadOnly = isReadOnly }))!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotSupported));
        Assert.That(failure.Message, Does.Contain("format 5").And.Contain("1 to 4"));
        Assert.That(OnDisk(Root), Is.EqualTo(before));
    }

    [Test]
    public void A_database_whose_rows_refer_to_nothing_is_not_migrated()
    {
        using (MetadataConnection connection = MetadataConnection.Open(Path.Join(Root, "metadata.db"), 0, Durability.Relaxed))
        {
            connection.Execute("PRAGMA foreign_keys = OFF");
            connection.Execute("DELETE FROM tree WHERE id = 3");
        }
        ContainerdException failure = FailureToOpen();
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.DataCorrupted));
        Assert.That(failure.Message, Does.Contain("metadata.db").And.Contain("snapshot"));
        Assert.That(SchemaVersion(), Is.EqualTo(1));
        Assert.That(File.ReadAllText(Path.Join(Root, "format")), Does.Contain("\"format\":1"));
    }

    [Test]
    public async Task Processes_that_open_it_at_once_migrate_it_once()
    {
        OverlaySnapshotter[] opened = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => new OverlaySnapshotter(Plain(Root)))));
        await Task.WhenAll(opened.Select((snapshotter, i) => snapshotter.PrepareAsync($"new-{i}", "without")));
        Assert.That(await NamesAsync(opened[0]), Has.Length.EqualTo(13));
        foreach (OverlaySnapshotter snapshotter in opened)
            await snapshotter.DisposeAsync();
    }

    [Test]
    public async Task What_can_be_read_of_a_damaged_database_of_format_1_is_saved()
    {
        using (MetadataConnection connection = MetadataConnection.Open(Path.Join(Root, "metadata.db"), 0, Durability.Relaxed))
        {
            connection.Execute("PRAGMA foreign_keys = OFF");
            connection.Execute("DELETE FROM tree WHERE id = 5");
        }
        Assert.That(StoreRecovery.RecoverMetadata(Root), Is.EquivalentTo(new[] { "base", "other", "first", "second", "view", "empty view", "empty active" }));
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        Assert.That(Shown(await snapshotter.MountsAsync("view")), Is.EqualTo(new[] { "other", "shared" }));
        Assert.That(await snapshotter.AdoptAsync("third", "other", Digest.Parse(FormatOneStore.LayerDiffId)), Is.Not.Null);
    }

    [Test]
    public async Task A_store_of_format_2_has_everything_it_had()
    {
        await using OverlaySnapshotter snapshotter = await OpenAsync(FormatTwoStore.Make);
        Assert.That((await ListAsync(snapshotter)).Select(info => (info.Name, info.Kind, info.Parent)), Is.EquivalentTo(new[]
        {
            ("base", SnapshotKind.Committed, null),
            ("other", SnapshotKind.Committed, null),
            ("first", SnapshotKind.Committed, "base"),
            ("second", SnapshotKind.Committed, "other"),
            ("active", SnapshotKind.Active, "second"),
            ("lent", SnapshotKind.Committed, (string?)null),
            ("on lent", SnapshotKind.Active, "lent"),
            ("mapped", SnapshotKind.Active, "first"),
            ("view", SnapshotKind.View, "second"),
            ("empty view", SnapshotKind.View, null),
            ("volatile", SnapshotKind.Active, "base"),
        }));
        Assert.That((await snapshotter.FindAsync("active"))!.Labels, Is.EquivalentTo(new Dictionary<string, string> { ["work"] = "in progress" }));
        Assert.That((await snapshotter.FindAsync("base"))!.CreatedAt.UtcTicks, Is.EqualTo(639310670619655061));
        Assert.That(await snapshotter.UsageAsync("second"), Is.EqualTo(new SnapshotUsage(2, 4096)));
        using (MetadataConnection connection = MetadataConnection.Open(Path.Join(Older, "metadata.db"), 0, Durability.Relaxed))
        {
            Assert.That(connection.QueryInteger("SELECT fingerprint FROM snapshot WHERE name = 'second'"), Is.EqualTo(320018988002210784));
            Assert.That(SnapshotTable.Contradictions(connection), Is.Empty);
        }
        Assert.That(Shown(await snapshotter.MountsAsync("active")), Is.EqualTo(new[] { "new", "other", "shared" }));
        Assert.That(Shown(await snapshotter.MountsAsync("on lent")), Is.EqualTo(new[] { "lent" }));
        Assert.That((await snapshotter.MountsAsync("mapped"))[0].Options, Has.Some.StartsWith("uidmap=").And.Some.Contains("100000"));
        Assert.That(async () => await snapshotter.MountsAsync("volatile"), Throws.InstanceOf<ContainerdException>().With.Property("Kind").EqualTo(ErrorKind.DataCorrupted), "of an earlier boot");
    }

    [Test]
    public async Task Work_goes_on_in_a_store_of_format_2()
    {
        await using OverlaySnapshotter snapshotter = await OpenAsync(FormatTwoStore.Make);
        foreach (string used in (string[])["base", "second", "first"])
            Assert.That(async () => await snapshotter.RemoveAsync(used), Throws.InstanceOf<ContainerdException>().With.Property("Kind").EqualTo(ErrorKind.FailedPrecondition), used);
        await snapshotter.CommitAsync("done", "active");
        Assert.That(Shown(await snapshotter.ViewAsync("view of done", "done")), Is.EqualTo(new[] { "new", "other", "shared" }));
        await snapshotter.RemoveAsync("on lent");
        foreach (string gone in (string[])["mapped", "first"])
            await snapshotter.RemoveAsync(gone);
        await snapshotter.CleanupAsync();
        Assert.That(Shown(await snapshotter.MountsAsync("view")), Is.EqualTo(new[] { "other", "shared" }), "the layer is shared with the one that was removed");
        foreach (string gone in (string[])["view", "view of done", "done", "second", "other", "volatile", "base", "empty view"])
            await snapshotter.RemoveAsync(gone);
        await snapshotter.CleanupAsync();
        Assert.That(await NamesAsync(snapshotter), Is.EqualTo(new[] { "lent" }), "of the additional store, and not borrowed any more");
        Assert.That(StoreInvariants.GarbageOf(snapshotter), Is.Empty);
        using MetadataConnection connection = MetadataConnection.Open(Path.Join(Older, "metadata.db"), 0, Durability.Relaxed);
        Assert.That(connection.QueryInteger("SELECT COUNT(*) FROM snapshot"), Is.Zero);
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_tree_that_format_2_shared_no_more_stays_until_the_last_that_has_it_goes(bool migratedBefore)
    {
        // A tree that was found lost; and as a store is then in format 3.
        if (migratedBefore)
            FormatThreeStore.Make(Beside);
        else
            FormatTwoStore.Make(Beside);
        Execute(migratedBefore ? "UPDATE snapshot SET diff_id = NULL WHERE tree = 7" : "UPDATE tree SET diff_id = NULL WHERE id = 7");
        Directory.CreateDirectory(Path.Join(Beside, "additional/layers/1/fs"));
        await using var snapshotter = new OverlaySnapshotter(Plain(Older));
        Assert.That((await snapshotter.VerifyAsync()).Select(defect => defect.Kind), Has.None.EqualTo(SnapshotDefectKind.DamagedMetadata));
        foreach (string gone in migratedBefore ? (string[])["look", "third again", "third", "mapped", "first"] : ["mapped", "first"])
            await snapshotter.RemoveAsync(gone);
        string shared = Path.Join(Older, "layers/7/fs/shared");
        Assert.That(File.Exists(shared), "the other that has it");
        Assert.That(Shown(await snapshotter.MountsAsync("view")), Is.EqualTo(new[] { "other", "shared" }));
        foreach (string gone in migratedBefore ? (string[])["work", "fitted", "view", "active", "second"] : ["view", "active", "second"])
            await snapshotter.RemoveAsync(gone);
        Assert.That(File.Exists(shared), Is.False, "with the last");
    }

    [Test]
    public async Task A_store_of_format_3_has_everything_it_had()
    {
        await using OverlaySnapshotter snapshotter = await OpenAsync(FormatThreeStore.Make);
        Assert.That((await ListAsync(snapshotter)).Select(info => (info.Name, info.Kind, info.Parent)), Is.EqualTo(new[]
        {
            ("active", SnapshotKind.Active, "second"),
            ("base", SnapshotKind.Committed, null),
            ("empty view", SnapshotKind.View, (string?)null),
            ("first", SnapshotKind.Committed, "base"),
            ("fitted", SnapshotKind.Committed, "second"),
            ("lent", SnapshotKind.Committed, null),
            ("look", SnapshotKind.View, "third again"),
            ("mapped", SnapshotKind.Active, "first"),
            ("on lent", SnapshotKind.Active, "lent"),
            ("other", SnapshotKind.Committed, null),
            ("second", SnapshotKind.Committed, "other"),
            ("third", SnapshotKind.Committed, "other"),
            ("third again", SnapshotKind.Committed, "first"),
            ("view", SnapshotKind.View, "second"),
            ("volatile", SnapshotKind.Active, "base"),
            ("work", SnapshotKind.Active, "fitted"),
        }));
        Assert.That((await snapshotter.FindAsync("work"))!.Labels["on"], Is.EqualTo("fitted"));
        Assert.That(Shown(await snapshotter.MountsAsync("work")), Is.EqualTo(new[] { "fitted", "other", "shared" }));
        Assert.That(Shown(await snapshotter.MountsAsync("look")), Is.EqualTo(new[] { "base", "shared" }));
        Assert.That(Shown(await snapshotter.MountsAsync("on lent")), Is.EqualTo(new[] { "lent" }));
        await File.WriteAllTextAsync(Path.Join(UpperOf(await snapshotter.MountsAsync("work")), "top"), "top");
        await snapshotter.CommitAsync("top", "work");
        Assert.That(Shown(await snapshotter.PrepareAsync("next", "top")), Is.EqualTo(new[] { "fitted", "other", "shared", "top" }));
        Assert.That(await snapshotter.AdoptAsync("fitted again", "base", Digest.Sha256("fitted"u8)), Is.Not.Null);
        using MetadataConnection connection = MetadataConnection.Open(Path.Join(Older, "metadata.db"), 0, Durability.Relaxed);
        Assert.That(SnapshotTable.Contradictions(connection), Is.Empty);
        Assert.That(connection.QueryInteger("SELECT COUNT(DISTINCT identity) FROM snapshot"), Is.EqualTo(connection.QueryInteger("SELECT COUNT(*) FROM snapshot")));
    }

    [Test]
    public void What_can_be_read_of_a_damaged_database_of_format_3_is_saved()
    {
        FormatThreeStore.Make(Beside);
        Execute("PRAGMA foreign_keys = OFF; DELETE FROM snapshot WHERE name = 'second'; DELETE FROM place WHERE id = 2;");
        Assert.That(StoreRecovery.RecoverMetadata(Older), Is.EquivalentTo("base,empty view,first,look,mapped,other,third,third again,volatile".Split(',')));
        using MetadataConnection recovered = MetadataConnection.Open(Path.Join(Older, "metadata.db"), 0, Durability.Relaxed);
        Assert.That(SnapshotTable.Contradictions(recovered), Is.Empty);
        Assert.That(recovered.QueryInteger("PRAGMA user_version"), Is.EqualTo(4));
        Assert.That(recovered.QueryInteger("SELECT COUNT(*) FROM snapshot WHERE identity = 0"), Is.Zero);
    }

    [TestCase("DELETE FROM tree WHERE id = 7", "base,other,empty view,lent,on lent,volatile")]
    [TestCase("DELETE FROM snapshot WHERE name = 'other'", "base,first,mapped,empty view,lent,on lent,volatile")]
    [TestCase("DELETE FROM place WHERE id = 2", "base,other,first,second,active,mapped,view,empty view,volatile")]
    public void What_can_be_read_of_a_damaged_database_of_format_2_is_saved(string damage, string saved)
    {
        FormatTwoStore.Make(Beside);
        Execute($"PRAGMA foreign_keys = OFF; {damage}");
        Assert.That(StoreRecovery.RecoverMetadata(Older), Is.EquivalentTo(saved.Split(',')));
        using MetadataConnection recovered = MetadataConnection.Open(Path.Join(Older, "metadata.db"), 0, Durability.Relaxed);
        Assert.That(SnapshotTable.Contradictions(recovered), Is.Empty);
        Assert.That(recovered.QueryInteger("PRAGMA user_version"), Is.EqualTo(4));
    }

    private string Beside => Path.Join(DirectoryPath, "beside");

    private string Older => Path.Join(Beside, "store");

    private void Execute(string sql)
    {
        using MetadataConnection connection = MetadataConnection.Open(Path.Join(Older, "metadata.db"), 5000, Durability.Relaxed);
        connection.ExecuteScript(sql);
    }

    private async Task<OverlaySnapshotter> OpenAsync(Action<string> make)
    {
        make(Beside);
        string additional = Path.Join(Beside, "additional");
        // What it has borrowed from is of this version: an older one would have to be opened for writing first.
        await using (var lender = new OverlaySnapshotter(Plain(additional)))
        {
            await File.WriteAllTextAsync(Path.Join((await lender.PrepareAsync("x"))[0].Source, "lent"), "lent");
            await lender.CommitAsync("lent", "x");
        }
        return new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Older, WritableRoot = Path.Join(Beside, "writable"), AdditionalRoots = [additional] });
    }

    private long? SchemaVersion()
    {
        using MetadataConnection connection = MetadataConnection.Open(Path.Join(Root, "metadata.db"), 0, Durability.Relaxed);
        return connection.QueryInteger("PRAGMA user_version");
    }
}
