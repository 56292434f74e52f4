namespace Containerd.Snapshots;

public class StoreRepairTests : StoreContentTest
{
    [Test]
    public async Task A_whole_store_is_not_touched()
    {
        await using var snapshotter = await MakeAsync();
        SnapshotRepairResult result = await snapshotter.RepairAsync(new() { RemoveActive = true, RemoveForeign = true });
        Assert.That(result.Removed.Concat(result.Remaining.Select(defect => defect.Path)), Is.Empty);
        Assert.That(await NamesAsync(snapshotter), Is.EqualTo(new[] { "base", "damaged", "top", "untouched", "view", "work" }));
    }

    [Test]
    public async Task A_damaged_layer_goes_with_what_is_based_on_it_and_can_be_unpacked_anew()
    {
        await using var snapshotter = await MakeAsync();
        await snapshotter.RemoveAsync("work");
        Damage();
        SnapshotRepairResult result = await snapshotter.RepairAsync();
        Assert.That(result.Removed, Has.Count.EqualTo(3).And.EquivalentTo(new[] { "view", "top", "damaged" }));
        Assert.That(result.Removed[^1], Is.EqualTo("damaged"), "those on top first");
        Assert.That(result.Remaining, Is.Empty);
        Assert.That(await NamesAsync(snapshotter), Is.EqualTo(new[] { "base", "untouched" }));
        Assert.That(Entries("layers"), Has.Length.EqualTo(2));
        Assert.That(Entries("trash"), Is.Empty);
        Assert.That(await snapshotter.AdoptAsync("damaged", "base", LayerDiffId), Is.Null, "the damaged tree is offered to nobody");
        await CommitAsync(snapshotter, "damaged", "base", "file", SharedLayer);
        Assert.That(Shown(await snapshotter.ViewAsync("view", "damaged")), Is.EqualTo(new[] { "base", "file" }));
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty);
    }

    [Test]
    public async Task Work_over_a_damaged_layer_stays_with_all_beneath_unless_told_otherwise()
    {
        await using var snapshotter = await MakeAsync();
        Damage();
        SnapshotRepairResult result = await snapshotter.RepairAsync();
        Assert.That(result.Removed, Is.EqualTo(new[] { "view" }));
        Assert.That(result.Remaining.Select(defect => (defect.Kind, defect.Snapshot)), Is.EqualTo(new[] { (SnapshotDefectKind.ChangedTree, "damaged") }));
        Assert.That(await NamesAsync(snapshotter), Is.EqualTo(new[] { "base", "damaged", "top", "untouched", "work" }));
        Assert.That(Shown(await snapshotter.MountsAsync("work")), Is.Not.Empty);
        Assert.That(await snapshotter.AdoptAsync("other", "base", LayerDiffId), Is.Null, "it is offered to no other chain");

        result = await snapshotter.RepairAsync(new() { RemoveActive = true });
        Assert.That(result.Removed, Is.EqualTo(new[] { "work", "top", "damaged" }));
        Assert.That(result.Remaining, Is.Empty);
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty);
    }

    [Test]
    public async Task Snapshots_whose_own_tree_is_missing_have_nothing_to_lose()
    {
        await using var snapshotter = await MakeAsync();
        Directory.Delete(UpperOf(await snapshotter.MountsAsync("work")), recursive: true);
        Directory.Delete((await snapshotter.ViewAsync("empty view"))[0].Source, recursive: true);
        SnapshotRepairResult result = await snapshotter.RepairAsync();
        Assert.That(result.Removed, Is.EquivalentTo(new[] { "work", "empty view" }));
        Assert.That(result.Remaining, Is.Empty);
        await snapshotter.PrepareAsync("work", "top");
    }

    [Test]
    public async Task Foreign_entries_are_deleted_only_when_asked()
    {
        await using var snapshotter = await MakeAsync();
        string precious = Directory.CreateDirectory(Path.Join(DirectoryPath, "precious")).FullName;
        await File.WriteAllTextAsync(Path.Join(precious, "file"), "text");
        Directory.CreateDirectory(Path.Join(Root, "layers/notes/inner"));
        Directory.CreateSymbolicLink(Path.Join(Root, "layers/link"), precious);
        SnapshotRepairResult result = await snapshotter.RepairAsync(new() { RemoveActive = true });
        Assert.That(result.Remaining.Select(defect => (defect.Kind, Path.GetFileName(defect.Path))), Is.EqualTo(new[] { (SnapshotDefectKind.ForeignEntry, "link"), (SnapshotDefectKind.ForeignEntry, "notes") }));
        Assert.That(Entries("layers"), Does.Contain("notes").And.Contain("link"));
        result = await snapshotter.RepairAsync(new() { RemoveForeign = true });
        Assert.That(result.Remaining, Is.Empty);
        Assert.That(Entries("layers"), Does.Not.Contain("notes").And.Not.Contain("link"));
        Assert.That(File.Exists(Path.Join(precious, "file")));
        Assert.That(await NamesAsync(snapshotter), Has.Length.EqualTo(6));
    }

    [Test]
    public async Task A_layer_that_another_unpacked_anew_meanwhile_stays()
    {
        await using var snapshotter = await MakeAsync();
        foreach (string key in (string[])["work", "view", "top"])
            await snapshotter.RemoveAsync(key);
        Damage();
        await using var other = new OverlaySnapshotter(Plain(Root));
        snapshotter.Reached = step =>
        {
            if (step == StoreStep.DefectsFound)
            {
                other.RemoveAsync("damaged").GetAwaiter().GetResult();
                CommitAsync(other, "damaged", "base", "file").GetAwaiter().GetResult();
            }
        };
        SnapshotRepairResult result = await snapshotter.RepairAsync(new() { RemoveActive = true });
        Assert.That(result.Removed, Is.Empty);
        Assert.That(Shown(await snapshotter.ViewAsync("view", "damaged")), Is.EqualTo(new[] { "base", "file" }));
    }

    [Test]
    public async Task A_repair_that_is_cancelled_half_way_is_finished_by_the_next()
    {
        await using var snapshotter = await MakeAsync();
        Damage();
        Directory.Delete(UpperOf(await snapshotter.MountsAsync("work")), recursive: true);
        using var cancellation = new CancellationTokenSource();
        snapshotter.Reached = step =>
        {
            if (step == StoreStep.RepairRecorded)
                cancellation.Cancel();
        };
        Assert.That(async () => await snapshotter.RepairAsync(null, null, cancellation.Token), Throws.InstanceOf<OperationCanceledException>());
        snapshotter.Reached = null;
        await snapshotter.RepairAsync();
        Assert.That(await NamesAsync(snapshotter), Is.EqualTo(new[] { "base", "untouched" }));
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty);
    }

    [Test]
    public async Task A_native_store_is_verified_and_repaired_too()
    {
        await using var snapshotter = new NativeSnapshotter(Root);
        await File.WriteAllTextAsync(Path.Join((await snapshotter.PrepareAsync("key"))[0].Source, "file"), "text");
        await snapshotter.CommitAsync("layer", "key");
        string work = (await snapshotter.PrepareAsync("work", "layer"))[0].Source;
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty);
        await File.WriteAllTextAsync(Path.Join((await snapshotter.ViewAsync("view", "layer"))[0].Source, "file"), "");
        SnapshotRepairResult result = await snapshotter.RepairAsync(new() { RemoveActive = true });
        Assert.That(result.Removed, Is.EquivalentTo(new[] { "view", "work", "layer" }));
        Assert.That(Directory.Exists(work), Is.False);
    }

    private void Damage()
    {
        string file = Directory.GetFiles(Path.Join(Root, "layers"), "file", SearchOption.AllDirectories).Single();
        File.WriteAllText(file, "");
    }

    /// <summary>base ← damaged ← top ← work, view; base ← untouched.</summary>
    private async Task<OverlaySnapshotter> MakeAsync()
    {
        var snapshotter = new OverlaySnapshotter(Plain(Root));
        await CommitAsync(snapshotter, "base", null, "base");
        await CommitAsync(snapshotter, "untouched", "base", "untouched");
        await CommitAsync(snapshotter, "damaged", "base", "file", SharedLayer);
        await CommitAsync(snapshotter, "top", "damaged", "top");
        await snapshotter.PrepareAsync("work", "top");
        await snapshotter.ViewAsync("view", "top");
        return snapshotter;
    }
}
