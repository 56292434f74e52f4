namespace Containerd.Snapshots;

public class StoreSharingTests : StoreTest
{
    private static readonly Digest DiffId = Digest.Sha256("layer"u8);
    private static readonly SnapshotCommitOptions Shared = new() { DiffId = DiffId, IsIndependentOfParent = true };

    [Test]
    public async Task A_layer_is_kept_once_for_all_its_chains()
    {
        await using var snapshotter = new OverlaySnapshotter(Root);
        await CommitAsync(snapshotter, "base-1", null, "1");
        await CommitAsync(snapshotter, "base-2", null, "2");
        await CommitAsync(snapshotter, "first", "base-1", "file", Shared);
        await CommitAsync(snapshotter, "second", "base-2", "file", Shared);
        Assert.That(await snapshotter.AdoptAsync("third", "base-1", DiffId), Is.Not.Null);
        Assert.That(Entries("layers"), Has.Length.EqualTo(3), "two bases and one layer");
        Assert.That(await snapshotter.UsageAsync("second"), Is.EqualTo(await snapshotter.UsageAsync("first")));

        await snapshotter.RemoveAsync("first");
        await snapshotter.RemoveAsync("third");
        await snapshotter.CleanupAsync();
        Assert.That(Entries("layers"), Has.Length.EqualTo(3));
        await snapshotter.RemoveAsync("second");
        await snapshotter.CleanupAsync();
        Assert.That(Entries("layers"), Has.Length.EqualTo(2));
        Assert.That(Entries("trash"), Is.Empty);
        Assert.That(await snapshotter.AdoptAsync("fourth", "base-1", DiffId), Is.Null, "the layer is gone with its last chain");
    }

    [Test]
    public async Task A_tree_that_has_lost_what_its_layer_deletes_serves_only_at_the_bottom()
    {
        await using var snapshotter = new OverlaySnapshotter(Root);
        await CommitAsync(snapshotter, "base", null, "base");
        await CommitAsync(snapshotter, "bottom", null, "file", Shared);
        Assert.That(await snapshotter.AdoptAsync("top", "base", DiffId), Is.Null);
        await CommitAsync(snapshotter, "top", "base", "file", Shared);
        Assert.That(Entries("layers"), Has.Length.EqualTo(3));
        Assert.That(await snapshotter.AdoptAsync("bottom-2", null, DiffId), Is.Not.Null);
        Assert.That(Entries("layers"), Has.Length.EqualTo(3));
    }

    [TestCase(true, false)]
    [TestCase(false, true)]
    public async Task A_tree_that_is_not_certainly_the_layer_alone_is_not_shared(bool independent, bool hasDiffId)
    {
        await using var snapshotter = new OverlaySnapshotter(Root);
        await CommitAsync(snapshotter, "first", null, "file", new() { IsIndependentOfParent = independent, DiffId = hasDiffId ? DiffId : null });
        Assert.That(await snapshotter.AdoptAsync("second", null, DiffId), Is.Null);
    }

    [Test]
    public async Task A_shared_tree_that_is_lost_is_kept_anew()
    {
        await using var snapshotter = new OverlaySnapshotter(Root);
        await CommitAsync(snapshotter, "first", null, "file", Shared);
        Directory.Delete(Path.Join(Root, "layers", Entries("layers").Single()), recursive: true);
        Assert.That(await snapshotter.AdoptAsync("second", null, DiffId), Is.Null);
        await CommitAsync(snapshotter, "third", null, "file", Shared);
        Assert.That(await snapshotter.AdoptAsync("fourth", null, DiffId), Is.Not.Null);
    }

    [Test]
    public async Task Committers_of_one_layer_agree_on_one_tree()
    {
        await using var one = new OverlaySnapshotter(Root);
        await using var other = new OverlaySnapshotter(Root);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(i => CommitAsync(i % 2 == 0 ? one : other, $"layer-{i}", null, "file", Shared)));
        await other.CleanupAsync();
        Assert.That(Entries("layers"), Has.Length.EqualTo(1));
        for (int i = 0; i < 16; i++)
            Assert.That((await one.ViewAsync($"view-{i}", $"layer-{i}"))[0].Source, Does.EndWith($"/layers/{Entries("layers")[0]}/fs"));
    }
}
