using System.Diagnostics;

namespace Containerd.Snapshots;

public class StoreProcessTests : StoreTest
{
    private static readonly SnapshotCommitOptions Shared = new() { DiffId = Digest.Sha256("layer"u8), IsIndependentOfParent = true };

    [TestCase("prepare", nameof(StoreStep.TreeMade))]
    [TestCase("prepare", nameof(StoreStep.SnapshotRecorded))]
    [TestCase("commit", nameof(StoreStep.TreeFlushed))]
    [TestCase("commit", nameof(StoreStep.TreeMeasured))]
    [TestCase("commit", nameof(StoreStep.CommitRecorded))]
    [TestCase("commit", nameof(StoreStep.ReplacedTreeTrashed))]
    [TestCase("adopt", nameof(StoreStep.AdoptionRecorded))]
    [TestCase("remove", nameof(StoreStep.RemovalRecorded))]
    [TestCase("remove", nameof(StoreStep.TreeTrashed))]
    [TestCase("cleanup", nameof(StoreStep.GarbageFound))]
    [TestCase("cleanup", nameof(StoreStep.GarbageTrashed))]
    [TestCase("cleanup", nameof(StoreStep.TrashEmptied))]
    [TestCase("cleanup", nameof(StoreStep.ReservationsEnded))]
    public async Task A_killed_process_leaves_a_store_that_is_whole(string verb, string step)
    {
        await using var snapshotter = new OverlaySnapshotter(Root);
        await CommitAsync(snapshotter, "base", null, "base");
        await CommitAsync(snapshotter, "layer", "base", "file", Shared);
        // Made by a store that is closed, so that its directories look like a dead process'.
        await using (var closed = new OverlaySnapshotter(Root))
            await CommitAsync(closed, "removable", "base", "removable");

        using Process child = Start("kill", Root, step, verb);
        await child.WaitForExitAsync();
        Assert.That(child.ExitCode, Is.EqualTo(137), "it was killed where it should have been");

        await using var after = new OverlaySnapshotter(Root);
        await after.CleanupAsync();
        await AssertConsistentAsync(after);
        Assert.That(Entries("trash"), Is.Empty);
        Assert.That(Entries("owners"), Has.Length.EqualTo(2), "the dead are forgotten");
        Assert.That(await after.FindAsync("base"), Is.Not.Null);
        Assert.That(File.Exists(Path.Join((await after.ViewAsync("view of base", "base"))[0].Source, "base")));

        SnapshotInfo? victim = await after.FindAsync("victim"), committed = await after.FindAsync("committed"), removable = await after.FindAsync("removable");
        Assert.That((victim is not null, committed is not null), Is.EqualTo(verb switch
        {
            "prepare" => (step == nameof(StoreStep.SnapshotRecorded), false),
            "commit" => (step is nameof(StoreStep.TreeFlushed) or nameof(StoreStep.TreeMeasured), step is nameof(StoreStep.CommitRecorded) or nameof(StoreStep.ReplacedTreeTrashed)),
            "adopt" => (false, true),
            _ => (false, false),
        }));
        Assert.That(removable is null, Is.EqualTo(verb is "remove" or "cleanup"));
    }

    [Test]
    public async Task Processes_that_do_anything_at_once_leave_a_store_that_is_whole()
    {
        Process[] children = [.. Enumerable.Range(1, 3).Select(seed => Start("race", Root, $"{seed}", "400"))];
        string[] errors = await Task.WhenAll(children.Select(child => child.StandardError.ReadToEndAsync()));
        foreach (Process child in children)
        {
            await child.WaitForExitAsync();
            Assert.That(child.ExitCode, Is.Zero, string.Join('\n', errors));
            child.Dispose();
        }
        await using var snapshotter = new OverlaySnapshotter(Root);
        await snapshotter.CleanupAsync();
        await AssertConsistentAsync(snapshotter);
        Assert.That(Entries("trash"), Is.Empty);
    }

    [Test]
    public async Task Stores_opened_at_once_make_one_root()
    {
        OverlaySnapshotter[] opened = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => new OverlaySnapshotter(Root))));
        await Task.WhenAll(opened.Select((snapshotter, i) => snapshotter.PrepareAsync($"key-{i}")));
        Assert.That(Entries("layers"), Has.Length.EqualTo(8));
        foreach (OverlaySnapshotter snapshotter in opened)
            await snapshotter.DisposeAsync();
    }

    private async Task AssertConsistentAsync(OverlaySnapshotter snapshotter)
    {
        using MetadataConnection connection = MetadataConnection.Open(Path.Join(Root, "metadata.db"), 5000, Durability.Relaxed);
        Assert.That(connection.QueryText("PRAGMA integrity_check"), Is.EqualTo("ok"));
        Assert.That(connection.QueryText("PRAGMA foreign_key_check"), Is.Null);
        var trees = new List<string>();
        using (MetadataRows row = connection.Query("SELECT id, (SELECT COUNT(*) FROM snapshot WHERE tree = tree.id) FROM tree"))
        {
            while (row.Read())
            {
                trees.Add(row.Text(0));
                Assert.That(row.Integer(1), Is.GreaterThan(0), "a tree without a snapshot");
            }
        }
        Assert.That(Entries("layers"), Is.EquivalentTo(trees), "directories are exactly the trees");
        await foreach (SnapshotInfo snapshot in snapshotter.ListAsync())
        {
            if (snapshot.Kind != SnapshotKind.Committed)
            {
                using IDetachedMount tree = Mounter.MountDetached(await snapshotter.MountsAsync(snapshot.Name));
            }
        }
    }

    private static Process Start(params string[] arguments) => Process.Start(new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location, .. arguments])
    {
        RedirectStandardError = true,
    })!;
}
