namespace Containerd.Snapshots;

public class VolatileOverlayTests : StoreContentTest
{
    [Test]
    public async Task An_active_snapshot_is_mounted_again_and_again()
    {
        await using var snapshotter = await OpenAsync();
        IReadOnlyList<Mount> mounts = await snapshotter.PrepareAsync("work", "base");
        using (IDetachedMount tree = Mounter.MountDetached(mounts))
            await File.WriteAllTextAsync(Path.Join(tree.Path, "file"), "text");
        Assert.That(() => Mounter.MountDetached(mounts).Dispose(), Throws.InstanceOf<ContainerdException>(), "the kernel takes it for one that a crash has spoilt");
        Assert.That(TextShown(await snapshotter.MountsAsync("work"), "file"), Is.EqualTo("text"));
        Assert.That(TextShown(await snapshotter.MountsAsync("work"), "file"), Is.EqualTo("text"));
        Assert.That(Shown(await snapshotter.ViewAsync("view", "base")), Is.EqualTo(new[] { "base" }));
    }

    [Test]
    public async Task Committing_flushes_and_what_is_committed_does_not_depend_on_the_boot()
    {
        await using var snapshotter = await OpenAsync();
        using (IDetachedMount tree = Mounter.MountDetached(await snapshotter.PrepareAsync("work", "base")))
            await File.WriteAllTextAsync(Path.Join(tree.Path, "file"), "text");
        await snapshotter.CommitAsync("layer", "work");
        using (MetadataConnection connection = OpenDatabase())
        {
            Assert.That(connection.QueryInteger("SELECT COUNT(*) FROM snapshot WHERE boot IS NULL AND synced = 1"), Is.EqualTo(2));
            connection.Execute("UPDATE snapshot SET boot = 'another' WHERE boot IS NOT NULL");
        }
        Assert.That(Shown(await snapshotter.PrepareAsync("next", "layer")), Is.EqualTo(new[] { "base", "file" }));
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty);
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task What_a_restart_has_spoilt_is_not_used(bool isStillVolatile)
    {
        await using (var before = await OpenAsync())
        {
            await before.PrepareAsync("work", "base");
            await before.PrepareAsync("empty");
        }
        using (MetadataConnection connection = OpenDatabase())
            Assert.That(connection.Execute("UPDATE snapshot SET boot = 'the boot before' WHERE boot IS NOT NULL"), Is.EqualTo(2));

        await using var snapshotter = isStillVolatile ? await OpenAsync() : new OverlaySnapshotter(Plain(Root));
        foreach (Func<Task> use in (Func<Task>[])[() => snapshotter.MountsAsync("work"), () => snapshotter.CommitAsync("layer", "work"), () => snapshotter.MountsAsync("empty")])
        {
            ContainerdException failure = await FailureOf(use);
            Assert.That(failure.Kind, Is.EqualTo(ErrorKind.DataCorrupted));
            Assert.That(failure.Message, Does.Contain(failure.Subject!).And.Contain("restarted"));
        }
        using (var reader = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, IsReadOnly = true }))
            Assert.That((await FailureOf(() => reader.MountsAsync("work"))).Kind, Is.EqualTo(ErrorKind.DataCorrupted));
        IReadOnlyList<SnapshotDefect> defects = await snapshotter.VerifyAsync();
        Assert.That(defects.Select(defect => (defect.Kind, defect.Snapshot)), Is.EquivalentTo(new[] { (SnapshotDefectKind.UnflushedTree, "work"), (SnapshotDefectKind.UnflushedTree, "empty") }));

        SnapshotRepairResult result = await snapshotter.RepairAsync();
        Assert.That(result.Removed, Is.Empty, "it may be all there is of somebody's work");
        Assert.That(result.Remaining, Has.Count.EqualTo(2));
        await snapshotter.RemoveAsync("empty");
        result = await snapshotter.RepairAsync(new() { RemoveActive = true });
        Assert.That(result.Removed, Is.EqualTo(new[] { "work" }));
        Assert.That(result.Remaining, Is.Empty);
        await snapshotter.PrepareAsync("work", "base");
    }

    private async Task<OverlaySnapshotter> OpenAsync()
    {
        var snapshotter = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, MountOptions = ["volatile"], CleansInBackground = false });
        if (await snapshotter.FindAsync("base") is null)
            await CommitAsync(snapshotter, "base", null, "base");
        return snapshotter;
    }

    private MetadataConnection OpenDatabase() => MetadataConnection.Open(Path.Join(Root, "metadata.db"), 5000, Durability.Relaxed);
}
