using Containerd.Conformance;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

public class LayerSharingTests : StoreContentTest
{
    private static readonly SnapshotOptions Layer = new() { IsLayer = true };

    [Test]
    public async Task A_tree_prepared_as_a_layer_serves_every_position()
    {
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        await CommitAsync(snapshotter, "base", null, "base");
        await CommitLayerAsync(snapshotter, "bottom", null, "file", SharedLayer);
        Assert.That(await snapshotter.AdoptAsync("middle", "base", LayerDiffId), Is.Not.Null);
        Assert.That(await snapshotter.AdoptAsync("bottom again", null, LayerDiffId), Is.Not.Null);
        await CommitLayerAsync(snapshotter, "committed in the middle", "base", "file", SharedLayer);
        Assert.That(Entries("layers"), Has.Length.EqualTo(2), "the base and the layer");
        Assert.That(Shown(await snapshotter.ViewAsync("view-1", "middle")), Is.EqualTo(new[] { "base", "file" }));
        Assert.That(Shown(await snapshotter.ViewAsync("view-2", "bottom again")), Is.EqualTo(new[] { "file" }));
        Assert.That(Shown(await snapshotter.PrepareAsync("work", "committed in the middle")), Is.EqualTo(new[] { "base", "file" }));
    }

    [Test]
    public async Task A_layer_first_kept_over_a_base_serves_at_the_bottom()
    {
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        await CommitAsync(snapshotter, "base", null, "base");
        await CommitLayerAsync(snapshotter, "middle", "base", "file", SharedLayer);
        await CommitLayerAsync(snapshotter, "bottom", null, "file", SharedLayer);
        await CommitAsync(snapshotter, "prepared without a parent", null, "file", SharedLayer);
        Assert.That(Entries("layers"), Has.Length.EqualTo(2));
        Assert.That(Shown(await snapshotter.ViewAsync("view", "prepared without a parent")), Is.EqualTo(new[] { "file" }));
    }

    [Test]
    public async Task What_a_layer_deletes_it_deletes_wherever_it_lies()
    {
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        await CommitAsync(snapshotter, "base", null, "base");
        string upper = UpperOf(await snapshotter.PrepareAsync("key", options: Layer));
        MakeWhiteout(Path.Join(upper, "base"));
        await File.WriteAllTextAsync(Path.Join(upper, "file"), "file");
        Assert.That(Shown(await snapshotter.MountsAsync("key")), Is.EqualTo(new[] { "file" }), "while it is written");
        await snapshotter.CommitAsync("over base", "key", SharedLayer with { Parent = "base" });
        Assert.That(Shown(await snapshotter.ViewAsync("view-1", "over base")), Is.EqualTo(new[] { "file" }));

        Assert.That(await snapshotter.AdoptAsync("bottom", null, LayerDiffId), Is.Not.Null);
        IReadOnlyList<Mount> view = await snapshotter.ViewAsync("view-2", "bottom");
        Assert.That(view, Is.All.Property(nameof(Mount.IsReadOnly)).True);
        Assert.That(Shown(view), Is.EqualTo(new[] { "file" }), "no device shows in the place of the deletion");
        Assert.That(Shown(await snapshotter.PrepareAsync("work", "bottom")), Is.EqualTo(new[] { "file" }));
        Assert.That(await snapshotter.AdoptAsync("twice", "over base", LayerDiffId), Is.Not.Null);
        Assert.That(Shown(await snapshotter.ViewAsync("view-3", "twice")), Is.EqualTo(new[] { "file" }));
    }

    [Test]
    public async Task An_opaque_directory_at_the_bottom_hides_nothing_and_is_shown()
    {
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        string upper = UpperOf(await snapshotter.PrepareAsync("key", options: Layer));
        Directory.CreateDirectory(Path.Join(upper, "directory"));
        SetAttribute(Path.Join(upper, "directory"), "trusted.overlay.opaque"u8, "y"u8);
        await snapshotter.CommitAsync("bottom", "key", SharedLayer);
        IReadOnlyList<Mount> view = await snapshotter.ViewAsync("view", "bottom");
        Assert.That(view[0].Type, Is.EqualTo("overlay"), "no attribute of overlayfs shows through");
        Assert.That(Shown(view), Is.EqualTo(new[] { "directory" }));
    }

    [Test]
    public async Task A_chain_of_one_layer_over_and_over_mounts()
    {
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        await CommitLayerAsync(snapshotter, "layer-0", null, "file", SharedLayer);
        for (int i = 1; i < 5; i++)
            await snapshotter.AdoptAsync($"layer-{i}", $"layer-{i - 1}", LayerDiffId);
        Assert.That(Shown(await snapshotter.ViewAsync("view", "layer-4")), Is.EqualTo(new[] { "file" }));
        Assert.That(Shown(await snapshotter.PrepareAsync("work", "layer-4")), Is.EqualTo(new[] { "file" }));
    }

    [Test]
    public async Task A_lost_tree_of_a_layer_is_neither_adopted_nor_taken_instead_of_a_good_one()
    {
        var logger = new ListLogger();
        await using var snapshotter = new OverlaySnapshotter(Plain(Root), logger);
        await CommitLayerAsync(snapshotter, "lost", null, "file", SharedLayer);
        Directory.Delete(Path.Join(Root, "layers", Entries("layers").Single()), recursive: true);
        Assert.That(await snapshotter.AdoptAsync("adopted", null, LayerDiffId), Is.Null);
        await CommitLayerAsync(snapshotter, "good", null, "file", SharedLayer);
        Assert.That(logger.Entries.Select(entry => entry.Id), Does.Contain(3004));
        Assert.That(Shown(await snapshotter.ViewAsync("view", "good")), Is.EqualTo(new[] { "file" }));
        Assert.That(await snapshotter.AdoptAsync("adopted", null, LayerDiffId), Is.Not.Null);
        Assert.That(Shown(await snapshotter.ViewAsync("view of adopted", "adopted")), Is.EqualTo(new[] { "file" }));
    }

    [Test]
    public async Task A_parent_removed_while_a_layer_is_fitted_onto_it_is_not_found()
    {
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        await CommitAsync(snapshotter, "base", null, "base");
        await File.WriteAllTextAsync(Path.Join(UpperOf(await snapshotter.PrepareAsync("key", options: Layer)), "file"), "file");
        snapshotter.Reached = step =>
        {
            if (step == StoreStep.TreeRebased)
                snapshotter.RemoveAsync("base").GetAwaiter().GetResult();
        };
        ContainerdException failure = await FailureOf(() => snapshotter.CommitAsync("layer", "key", new() { Parent = "base" }));
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That(failure.Message, Does.Contain("base"));
        snapshotter.Reached = null;
        await snapshotter.CommitAsync("layer", "key");
        Assert.That(Shown(await snapshotter.ViewAsync("view", "layer")), Is.EqualTo(new[] { "file" }));
    }

    [Test]
    public async Task A_shared_tree_that_another_committed_after_the_flush_is_flushed_again()
    {
        await using var full = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, Durability = Durability.Full, CleansInBackground = false });
        await using var relaxed = new OverlaySnapshotter(Plain(Root));
        await File.WriteAllTextAsync(Path.Join(UpperOf(await full.PrepareAsync("key")), "file"), "file");
        int flushes = 0;
        full.Reached = step =>
        {
            if (step == StoreStep.TreeFlushed && ++flushes == 1)
                CommitAsync(relaxed, "theirs", null, "file", SharedLayer).GetAwaiter().GetResult();
        };
        await full.CommitAsync("ours", "key", SharedLayer);
        full.Reached = null;
        Assert.That(flushes, Is.EqualTo(2), "the first was before theirs was there");
        await full.CleanupAsync();
        Assert.That(Entries("layers"), Has.Length.EqualTo(1), "kept once");
        using MetadataConnection connection = MetadataConnection.Open(Path.Join(Root, "metadata.db"), 5000, Durability.Relaxed);
        Assert.That(connection.QueryInteger("SELECT COUNT(*) FROM snapshot WHERE synced = 1"), Is.EqualTo(2));
    }

    [Test]
    public async Task A_shared_tree_that_another_committed_before_the_flush_is_not_flushed_again()
    {
        await using var full = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, Durability = Durability.Full, CleansInBackground = false });
        await using (var relaxed = new OverlaySnapshotter(Plain(Root)))
            await CommitAsync(relaxed, "theirs", null, "file", SharedLayer);
        int flushes = 0;
        full.Reached = step => flushes += step == StoreStep.TreeFlushed ? 1 : 0;
        await CommitAsync(full, "ours", null, "file", SharedLayer);
        Assert.That(flushes, Is.EqualTo(1));
        using MetadataConnection connection = MetadataConnection.Open(Path.Join(Root, "metadata.db"), 5000, Durability.Relaxed);
        Assert.That(connection.QueryInteger("SELECT COUNT(*) FROM snapshot WHERE synced = 1"), Is.EqualTo(2));
    }

    [Test]
    public async Task A_parent_replaced_while_a_layer_is_fitted_onto_it_is_not_found()
    {
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        await CommitAsync(snapshotter, "base", null, "base");
        await File.WriteAllTextAsync(Path.Join(UpperOf(await snapshotter.PrepareAsync("key", options: Layer)), "file"), "file");
        snapshotter.Reached = step =>
        {
            if (step == StoreStep.TreeRebased)
            {
                snapshotter.Reached = null;
                snapshotter.RemoveAsync("base").GetAwaiter().GetResult();
                CommitAsync(snapshotter, "base", null, "renewed").GetAwaiter().GetResult();
            }
        };
        ContainerdException failure = await FailureOf(() => snapshotter.CommitAsync("layer", "key", new() { Parent = "base" }));
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That(failure.Message, Does.Contain("'base'").And.Contain("replaced"));
        await snapshotter.RemoveAsync("base"); // it counts none
        Assert.That((await snapshotter.FindAsync("key"))!.Kind, Is.EqualTo(SnapshotKind.Active));
    }

    [TestCase(StoreStep.TreeRebased)]
    [TestCase(StoreStep.TreeFlushed)]
    [TestCase(StoreStep.TreeMeasured)]
    public async Task What_fitting_has_changed_is_undone_when_the_commit_fails_behind_it(object at)
    {
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        await CommitAsync(snapshotter, "base", null, "base");
        await ChangeRootOfAsync(snapshotter, "above", "base");
        string upper = UpperOf(await snapshotter.PrepareAsync("key", options: Layer));
        IReadOnlyList<string> before = TreeSnapshot.Describe(upper);
        snapshotter.Reached = step =>
        {
            if (step == (StoreStep)at)
                throw new ContainerdException(ErrorKind.ResourceExhausted, "The disk is full.");
        };
        await FailureOf(() => snapshotter.CommitAsync("layer", "key", new() { Parent = "above" }));
        Assert.That(TreeSnapshot.Describe(upper), Is.EqualTo(before));
    }

    [Test]
    public async Task What_was_recorded_is_not_undone()
    {
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        await CommitAsync(snapshotter, "base", null, "base");
        await ChangeRootOfAsync(snapshotter, "above", "base");
        await snapshotter.PrepareAsync("key", options: Layer);
        snapshotter.Reached = step =>
        {
            if (step == StoreStep.CommitRecorded)
                throw new ContainerdException(ErrorKind.ResourceExhausted, "The disk is full.");
        };
        await FailureOf(() => snapshotter.CommitAsync("layer", "key", new() { Parent = "above" }));
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty, "it is committed as it was measured");
    }

    [TestCase(null)]
    [TestCase("above")]
    public async Task A_commit_waits_for_another_that_fits_the_tree_onto_a_parent(string? parent)
    {
        await using var fitting = new OverlaySnapshotter(Plain(Root));
        await using var other = new OverlaySnapshotter(Plain(Root));
        await CommitAsync(fitting, "base", null, "base");
        await ChangeRootOfAsync(fitting, "above", "base");
        string upper = UpperOf(await other.PrepareAsync("key", options: Layer));
        Task<SnapshotInfo>? waiting = null;
        fitting.Reached = step =>
        {
            if (step != StoreStep.TreeRebased)
                return;
            waiting = other.CommitAsync("other", "key", new() { Parent = parent });
            Assert.That(waiting.Wait(TimeSpan.FromMilliseconds(200)), Is.False);
            throw new ContainerdException(ErrorKind.ResourceExhausted, "The disk is full.");
        };
        await FailureOf(() => fitting.CommitAsync("layer", "key", new() { Parent = "above" }));
        Assert.That((await waiting!).Parent, Is.EqualTo(parent));
        Assert.That(await other.VerifyAsync(), Is.Empty);
        Assert.That(File.GetUnixFileMode(upper).HasFlag(UnixFileMode.StickyBit), Is.EqualTo(parent is not null));
    }

    [Test]
    public async Task A_commit_that_waits_too_long_for_another_says_so()
    {
        await using var fitting = new OverlaySnapshotter(Plain(Root));
        await using var other = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, BusyTimeout = TimeSpan.FromMilliseconds(50), CleansInBackground = false });
        await CommitAsync(fitting, "base", null, "base");
        await fitting.PrepareAsync("key", options: Layer);
        ContainerdException? failure = null;
        fitting.Reached = step =>
        {
            if (step == StoreStep.TreeRebased)
                failure = FailureOf(() => other.CommitAsync("other", "key")).GetAwaiter().GetResult();
        };
        await fitting.CommitAsync("layer", "key", new() { Parent = "base" });
        Assert.That(failure!.Kind, Is.EqualTo(ErrorKind.Unavailable));
        Assert.That(failure.Message, Does.Contain("'key'").And.Contain("committing it"));
    }

    [Test]
    public async Task A_snapshot_that_is_removed_while_it_is_fitted_is_not_found_and_has_nothing_to_undo()
    {
        var logger = new ListLogger();
        await using var snapshotter = new OverlaySnapshotter(Plain(Root), logger);
        await CommitAsync(snapshotter, "base", null, "base");
        await snapshotter.PrepareAsync("key", options: Layer);
        snapshotter.Reached = step =>
        {
            if (step == StoreStep.TreeRebased)
                snapshotter.RemoveAsync("key").GetAwaiter().GetResult();
        };
        Assert.That((await FailureOf(() => snapshotter.CommitAsync("layer", "key", new() { Parent = "base" }))).Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That(logger.Entries.Select(entry => entry.Id), Has.None.EqualTo(3012));
        await snapshotter.CleanupAsync();
        Assert.That(Entries("layers"), Has.Length.EqualTo(1));
    }


    [Test]
    public async Task A_commit_that_ends_since_the_store_is_closed_holds_up_no_other()
    {
        await using var other = new OverlaySnapshotter(Plain(Root));
        for (int round = 0; round < 12; round++)
        {
            var trees = new List<string>();
            for (int i = 0; i < 100; i++)
                trees.Add(Path.GetDirectoryName(UpperOf(await other.PrepareAsync($"key {round} {i}")))!);
            var closed = new OverlaySnapshotter(Plain(Root));
            int of = round;
            Task[] committing = [.. Enumerable.Range(0, trees.Count).Select(i => Task.Run(() => closed.CommitAsync($"layer {of} {i}", $"key {of} {i}")))];
            await committing[round];
            closed.Dispose();
            await Task.WhenAll(committing).ContinueWith(_ => { }, TaskScheduler.Default);
            foreach (string tree in trees)
            {
                using SafeFileHandle directory = Interop.Sys.TryOpen(null, tree, Interop.Sys.ReadDirectoryOnly, out _)!;
                Assert.That(Interop.Sys.TryLock(directory, tree), $"round {round}: {tree}");
            }
        }
    }


    [Test]
    public async Task A_parent_that_has_another_beneath_now_is_noticed_though_the_clock_stands_still()
    {
        await using var snapshotter = new OverlaySnapshotter(Plain(Root), timeProvider: new StandingClock());
        await CommitAsync(snapshotter, "base", null, "old base");
        await CommitLayerAsync(snapshotter, "keeps the layer", null, "file", SharedLayer);
        await snapshotter.AdoptAsync("layer", "base", LayerDiffId);
        Assert.That(Shown(await snapshotter.PrepareAsync("work", "layer")), Is.EqualTo(new[] { "file", "old base" }));
        foreach (string gone in (string[])["work", "layer", "base"])
            await snapshotter.RemoveAsync(gone);
        await CommitAsync(snapshotter, "base", null, "new base");
        await snapshotter.AdoptAsync("layer", "base", LayerDiffId);
        Assert.That(Shown(await snapshotter.PrepareAsync("work", "layer")), Is.EqualTo(new[] { "file", "new base" }));
    }

    private sealed class StandingClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch;
    }

    // A mode, an attribute and times that a layer's own root has not.
    private static async Task ChangeRootOfAsync(OverlaySnapshotter snapshotter, string name, string parent)
    {
        string upper = UpperOf(await snapshotter.PrepareAsync($"key of {name}", parent));
        File.SetUnixFileMode(upper, (UnixFileMode)0x3FF);
        SetAttribute(upper, "user.of.base"u8, "1"u8);
        Directory.SetLastWriteTimeUtc(upper, DateTime.UnixEpoch);
        await snapshotter.CommitAsync(name, $"key of {name}");
    }

    private static async Task CommitLayerAsync(OverlaySnapshotter snapshotter, string name, string? parent, string file, SnapshotCommitOptions options)
    {
        await File.WriteAllTextAsync(Path.Join(UpperOf(await snapshotter.PrepareAsync($"key of {name}", options: Layer)), file), file);
        await snapshotter.CommitAsync(name, $"key of {name}", options with { Parent = parent });
    }
}
