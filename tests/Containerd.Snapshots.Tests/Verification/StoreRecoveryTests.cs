using System.Globalization;

namespace Containerd.Snapshots;

public class StoreRecoveryTests : StoreContentTest
{
    private string Database => Path.Join(Root, "metadata.db");

    [Test]
    public async Task Of_pages_damaged_in_the_middle_the_rest_is_saved()
    {
        const int Count = 400;
        await using (var snapshotter = new OverlaySnapshotter(Plain(Root)))
        {
            await CommitAsync(snapshotter, "base", null, "base");
            for (int i = 0; i < Count; i++)
                await snapshotter.ViewAsync($"view-{i}", "base", new() { Labels = new Dictionary<string, string> { ["number"] = $"{i}", ["a"] = new string('x', 500) } });
        }
        StoreVerificationTests.DamageMiddle(Database);
        IReadOnlyList<string> saved = StoreRecovery.RecoverMetadata(Root);
        Assert.That(saved, Has.Count.InRange(Count / 4, Count));
        Assert.That(saved, Does.Contain("base").And.Contain("view-0"), "what lies before the damage");
        Assert.That(File.Exists($"{Database}.damaged-1"));

        await using var recovered = new OverlaySnapshotter(Plain(Root));
        Assert.That(await NamesAsync(recovered), Is.EqualTo(saved.Order(StringComparer.Ordinal)));
        foreach (string name in saved.Where(name => name != "base"))
            Assert.That((await recovered.FindAsync(name))!.Labels["number"], Is.EqualTo(name["view-".Length..]));
        Assert.That(await recovered.VerifyAsync(), Is.Empty);
        Assert.That(Shown(await recovered.PrepareAsync("work", "base")), Is.EqualTo(new[] { "base" }));
        await recovered.CleanupAsync();
        Assert.That(Shown(await recovered.MountsAsync("work")), Is.EqualTo(new[] { "base" }));
    }

    [TestCase("header")]
    [TestCase("no database")]
    [TestCase("empty")]
    [TestCase("text")]
    public async Task Where_nothing_can_be_read_the_store_opens_empty_and_its_trees_wait_for_clean_up(string damage)
    {
        await MakeAsync();
        switch (damage)
        {
            case "header":
                using (FileStream file = File.OpenWrite(Database))
                    file.Write(new byte[4096]);
                break;
            case "no database":
                File.Delete(Database);
                break;
            default:
                await File.WriteAllTextAsync(Database, damage == "empty" ? "" : "no database at all");
                break;
        }
        string[] trees = Entries("layers");
        ContainerdException failure = FailureToOpen();
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.DataCorrupted));
        Assert.That(failure.Message, Does.Contain("StoreRecovery"));
        Assert.That(Entries("layers"), Is.EqualTo(trees));

        Assert.That(StoreRecovery.RecoverMetadata(Root), Is.Empty);
        Assert.That(Entries("layers"), Is.EqualTo(trees), "there is time to save what is of value in them");
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        string work = UpperOf(await snapshotter.PrepareAsync("work"));
        Assert.That(trees, Does.Not.Contain(Path.GetFileName(Path.GetDirectoryName(work)!)), "no number of an old tree is given out");
        await snapshotter.CleanupAsync();
        Assert.That(Entries("layers"), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task A_log_full_of_garbage_costs_nothing_that_was_merged()
    {
        await MakeAsync();
        byte[] garbage = new byte[40_000];
        new Random(1).NextBytes(garbage);
        await File.WriteAllBytesAsync(Database + "-wal", garbage);
        await File.WriteAllBytesAsync(Database + "-shm", garbage);
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        Assert.That(await NamesAsync(snapshotter), Is.EqualTo(new[] { "base", "layer", "work" }));
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty);
    }

    [Test]
    public async Task What_is_only_in_the_log_is_saved_too()
    {
        string copy = Path.Join(DirectoryPath, "copy");
        await using (var snapshotter = new OverlaySnapshotter(Plain(Root)))
        {
            await CommitAsync(snapshotter, "base", null, "base");
            Run("cp", "-a", Root, copy);
        }
        Assert.That(StoreRecovery.RecoverMetadata(copy), Is.EqualTo(new[] { "base" }));
        await using var recovered = new OverlaySnapshotter(Plain(copy));
        Assert.That(Shown(await recovered.ViewAsync("view", "base")), Is.EqualTo(new[] { "base" }));
    }

    [Test]
    public async Task Recovering_a_whole_store_loses_nothing()
    {
        await using (var snapshotter = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, WritableRoot = Path.Join(DirectoryPath, "writable") }))
        {
            await CommitAsync(snapshotter, "base", null, "base", SharedLayer with { Labels = new Dictionary<string, string> { ["a"] = "é" } });
            await snapshotter.PrepareAsync("work", "base", new() { UserMappings = [new(0, 1000, 10)], GroupMappings = [new(0, 1000, 10)] });
        }
        Assert.That(StoreRecovery.RecoverMetadata(Root), Is.EqualTo(new[] { "base", "work" }));
        await using var recovered = new OverlaySnapshotter(Plain(Root));
        Assert.That((await recovered.FindAsync("base"))!.Labels["a"], Is.EqualTo("é"));
        IReadOnlyList<Mount> mounts = await recovered.MountsAsync("work");
        Assert.That(UpperOf(mounts), Does.StartWith(Path.Join(DirectoryPath, "writable")));
        Assert.That(mounts[0].Options, Does.Contain("uidmap=0:1000:10"));
        Assert.That(await recovered.AdoptAsync("again", null, LayerDiffId), Is.Not.Null);
        Assert.That(await recovered.VerifyAsync(), Is.Empty);
    }

    [Test]
    public async Task The_number_of_a_lost_tree_in_another_place_is_not_given_out_again()
    {
        var options = new OverlaySnapshotterOptions { Root = Root, WritableRoot = Path.Join(DirectoryPath, "writable"), CleansInBackground = false };
        string lost;
        await using (var snapshotter = new OverlaySnapshotter(options))
        {
            await CommitAsync(snapshotter, "base", null, "base");
            lost = Path.GetDirectoryName(UpperOf(await snapshotter.PrepareAsync("work", "base")))!;
        }
        using (MetadataConnection connection = MetadataConnection.Open(Path.Join(Root, "metadata.db"), 0, Durability.Relaxed))
            connection.ExecuteScript("DELETE FROM snapshot; DELETE FROM sequence");
        foreach (string tree in Entries("layers"))
            Directory.Delete(Path.Join(Root, "layers", tree), recursive: true);
        StoreRecovery.RecoverMetadata(Root);
        await using var recovered = new OverlaySnapshotter(options);
        await recovered.PrepareAsync("layer", options: new() { IsLayer = true });
        Assert.That(int.Parse(Entries("layers").Single(), CultureInfo.InvariantCulture), Is.GreaterThan(int.Parse(Path.GetFileName(lost), CultureInfo.InvariantCulture)));
        await recovered.CleanupAsync();
        Assert.That(Directory.Exists(lost), Is.False);
    }

    [TestCase(20)]
    [TestCase(60)]
    [TestCase(120)]
    [TestCase(200)]
    [TestCase(400)]
    public async Task A_full_disk_is_resource_exhausted_wherever_it_fills_up_and_loses_nothing(int kilobytesLeft)
    {
        string disk = MountTmpfs("disk", "32m"), root = Path.Join(disk, "root"), fill = Path.Join(disk, "fill");
        await using (var snapshotter = new OverlaySnapshotter(Plain(root)))
        {
            await CommitAsync(snapshotter, "base", null, "base");
            for (int i = 0; i < 600; i++)
                await snapshotter.ViewAsync($"view-{i}", "base", new() { Labels = new Dictionary<string, string> { ["a"] = new string('x', 500) } });
        }
        StoreVerificationTests.DamageMiddle(Path.Join(root, "metadata.db"));
        Fill(fill);
        using (FileStream file = File.OpenWrite(fill))
            file.SetLength(file.Length - kilobytesLeft * 1024);
        ContainerdException failure = Assert.Throws<ContainerdException>(() => StoreRecovery.RecoverMetadata(root))!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.ResourceExhausted));
        Assert.That(failure.Message, Does.Contain(root));
        File.Delete(fill);
        Assert.That(StoreRecovery.RecoverMetadata(root), Does.Contain("base").And.Count.GreaterThan(300));
    }


    [Test]
    public async Task A_store_in_use_is_not_recovered()
    {
        await using (var snapshotter = new OverlaySnapshotter(Plain(Root)))
        {
            await CommitAsync(snapshotter, "base", null, "base");
            ContainerdException failure = Assert.Throws<ContainerdException>(() => StoreRecovery.RecoverMetadata(Root))!;
            Assert.That(failure.Kind, Is.EqualTo(ErrorKind.Unavailable));
            Assert.That(await NamesAsync(snapshotter), Is.EqualTo(new[] { "base" }));
            Assert.That(Entries(""), Has.None.Contains("damaged"));
        }
        Assert.That(StoreRecovery.RecoverMetadata(Root), Is.EqualTo(new[] { "base" }));
    }

    [Test]
    public void Without_a_store_there_is_nothing_to_recover()
    {
        Assert.That(Assert.Throws<ContainerdException>(() => StoreRecovery.RecoverMetadata(Root))!.Kind, Is.EqualTo(ErrorKind.NotFound));
        Directory.CreateDirectory(Root);
        Assert.That(Assert.Throws<ContainerdException>(() => StoreRecovery.RecoverMetadata(Root))!.Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That(Entries(""), Is.Empty);
    }

    [Test]
    public async Task Killed_when_the_damaged_one_was_set_aside_it_ends_with_everything_all_the_same()
    {
        await MakeAsync();
        Assert.That(() => StoreRecovery.RecoverMetadata(Root, null, () => throw new InvalidOperationException("killed")), Throws.InstanceOf<InvalidOperationException>());
        Assert.That(File.Exists(Database), Is.False);
        Assert.That(FailureToOpen().Kind, Is.EqualTo(ErrorKind.DataCorrupted), "it is not taken for a new store");
        Assert.That(StoreRecovery.RecoverMetadata(Root), Is.EqualTo(new[] { "base", "layer", "work" }));
        await using var recovered = new OverlaySnapshotter(Plain(Root));
        Assert.That(Shown(await recovered.MountsAsync("work")), Is.EqualTo(new[] { "base", "file" }));
    }

    private async Task MakeAsync()
    {
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        await CommitAsync(snapshotter, "base", null, "base");
        await CommitAsync(snapshotter, "layer", "base", "file");
        await snapshotter.PrepareAsync("work", "layer");
    }
}
