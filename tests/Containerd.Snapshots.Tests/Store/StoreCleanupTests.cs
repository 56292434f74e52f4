namespace Containerd.Snapshots;

public class StoreCleanupTests : StoreTest
{
    [Test]
    public async Task What_another_process_is_making_is_left_alone_however_long_it_takes()
    {
        await using var slow = new OverlaySnapshotter(Root);
        await using var cleaner = new OverlaySnapshotter(Root);
        using var made = new ManualResetEventSlim();
        using var cleaned = new ManualResetEventSlim();
        slow.Reached = step =>
        {
            if (step == StoreStep.TreeMade)
            {
                made.Set();
                cleaned.Wait(TimeSpan.FromSeconds(30));
            }
        };
        Task<IReadOnlyList<Mount>> preparing = slow.PrepareAsync("slow");
        Assert.That(made.Wait(TimeSpan.FromSeconds(30)));
        await cleaner.CleanupAsync();
        await slow.CleanupAsync();
        cleaned.Set();
        Assert.That(Directory.Exists((await preparing)[0].Source));
    }

    [Test]
    public async Task A_snapshot_recorded_while_garbage_is_looked_for_is_left_alone()
    {
        await using var maker = new OverlaySnapshotter(Root);
        await using var cleaner = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, CleansInBackground = false });
        IReadOnlyList<Mount> mounts = [];
        cleaner.Reached = step =>
        {
            if (step == StoreStep.GarbageFound)
                mounts = Task.Run(() => maker.PrepareAsync("new")).GetAwaiter().GetResult();
        };
        await cleaner.CleanupAsync();
        Assert.That(Directory.Exists(mounts[0].Source));
    }

    [Test]
    public async Task Reservations_do_not_add_up_while_a_process_lives()
    {
        await using var snapshotter = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, Durability = Durability.Relaxed });
        for (int i = 0; i < 300; i++)
            await snapshotter.PrepareAsync($"key-{i}");
        using MetadataConnection connection = MetadataConnection.Open(Path.Join(Root, "metadata.db"), 5000, Durability.Relaxed);
        Assert.That(ReservationTable.List(connection), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task What_a_closed_store_has_left_is_reclaimed()
    {
        var gone = new OverlaySnapshotter(Root);
        await gone.PrepareAsync("kept");
        await gone.DisposeAsync();
        Directory.CreateDirectory(Path.Join(Root, "layers/5/fs"));
        Directory.CreateDirectory(Path.Join(Root, "trash/6/fs"));

        await using var snapshotter = new OverlaySnapshotter(Root);
        await snapshotter.CleanupAsync();
        Assert.That(Entries("layers"), Is.EqualTo(new[] { "1" }));
        Assert.That(Entries("trash"), Is.Empty);
        Assert.That(Entries("owners"), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task What_the_store_has_not_made_is_left_alone()
    {
        await using var snapshotter = new OverlaySnapshotter(Root);
        await snapshotter.PrepareAsync("one");
        string[] foreign = ["layers/notes", "layers/007", "layers/99999", "trash/mine"];
        foreach (string name in foreign)
            Directory.CreateDirectory(Path.Join(Root, name));
        await snapshotter.CleanupAsync();
        Assert.That(foreign.Select(name => Path.Join(Root, name)), Is.All.Matches<string>(Directory.Exists));
    }

    [Test]
    public async Task A_mount_forgotten_in_a_removed_tree_is_not_deleted_through()
    {
        string precious = Directory.CreateDirectory(Path.Join(DirectoryPath, "precious")).FullName;
        await File.WriteAllTextAsync(Path.Join(precious, "file"), "data");
        await using var snapshotter = new OverlaySnapshotter(Root);
        string tree = (await snapshotter.PrepareAsync("removed"))[0].Source;
        Directory.CreateDirectory(Path.Join(tree, "inner"));
        Mounter.Mount([Mount.Bind(precious)], Path.Join(tree, "inner"));
        await snapshotter.PrepareAsync("other");

        await snapshotter.RemoveAsync("removed");
        await snapshotter.RemoveAsync("other");
        ContainerdException failure = await FailureOf(() => snapshotter.CleanupAsync());
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(failure.Message, Does.Contain("mounted"));
        Assert.That(File.Exists(Path.Join(precious, "file")));
        Assert.That(Entries("trash"), Has.Length.EqualTo(1), "the other one is gone");

        Mounter.Unmount(Path.Join(Root, "trash"), UnmountOptions.Recursive);
        await snapshotter.CleanupAsync();
        Assert.That(Entries("trash"), Is.Empty);
        Assert.That(File.Exists(Path.Join(precious, "file")));
    }

    [Test]
    public async Task A_full_disk_is_resource_exhausted_and_nothing_is_left()
    {
        Directory.CreateDirectory(Root);
        Mounter.Mount([new Mount { Type = "tmpfs", Source = "tmpfs", Options = ["size=4m", "mode=0700"] }], Root);
        await using var snapshotter = new OverlaySnapshotter(Root);
        await CommitAsync(snapshotter, "layer", null, "file");
        string full = (await snapshotter.PrepareAsync("full", "layer"))[0].Options[1]["upperdir=".Length..];
        using (FileStream fill = File.Create(Path.Join(full, "fill")))
            Assert.That(() => { while (true) fill.Write(new byte[4096]); }, Throws.InstanceOf<IOException>());

        ContainerdException? failure = null;
        for (int i = 0; i < 1000 && failure is null; i++)
        {
            try
            {
                await snapshotter.PrepareAsync($"more-{i}", "layer");
            }
            catch (ContainerdException e)
            {
                failure = e;
                Assert.That(await snapshotter.FindAsync($"more-{i}"), Is.Null);
            }
        }
        Assert.That(failure?.Kind, Is.EqualTo(ErrorKind.ResourceExhausted));
        File.Delete(Path.Join(full, "fill"));
        await snapshotter.PrepareAsync("after", "layer");
        await snapshotter.CleanupAsync();
        int known = 0;
        await foreach (SnapshotInfo _ in snapshotter.ListAsync())
            known++;
        Assert.That(Entries("layers"), Has.Length.EqualTo(known));
    }

    [Test]
    public async Task A_disposed_store_says_so()
    {
        var snapshotter = new OverlaySnapshotter(Root);
        snapshotter.Dispose();
        await snapshotter.DisposeAsync();
        Assert.That(async () => await snapshotter.FindAsync("x"), Throws.InstanceOf<ObjectDisposedException>());
        Assert.That(async () => await snapshotter.PrepareAsync("x"), Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public async Task A_writer_that_never_ends_is_unavailable_in_the_end()
    {
        await using var snapshotter = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, BusyTimeout = TimeSpan.FromMilliseconds(200) });
        await snapshotter.PrepareAsync("one");
        using MetadataConnection hog = MetadataConnection.Open(Path.Join(Root, "metadata.db"), 0, Durability.Relaxed);
        Assert.That(hog.TryBeginWrite());
        ContainerdException failure = await FailureOf(() => snapshotter.PrepareAsync("two"));
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.Unavailable));
        Assert.That(await snapshotter.FindAsync("one"), Is.Not.Null, "reading goes on");
        hog.Rollback();
        await snapshotter.PrepareAsync("two");
    }


    [Test]
    public async Task A_commit_waits_for_a_writer_that_never_ends_once()
    {
        var logger = new ListLogger();
        await using var snapshotter = new OverlaySnapshotter(
            new OverlaySnapshotterOptions { Root = Root, BusyTimeout = TimeSpan.FromMilliseconds(1100), CleansInBackground = false }, logger);
        await snapshotter.PrepareAsync("one");
        using MetadataConnection hog = MetadataConnection.Open(Path.Join(Root, "metadata.db"), 0, Durability.Relaxed);
        Assert.That(hog.TryBeginWrite());
        ContainerdException failure = await FailureOf(() => snapshotter.CommitAsync("layer", "one"));
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.Unavailable));
        Assert.That(logger.Entries.Count(entry => entry.Id == 3011), Is.EqualTo(1));
        hog.Rollback();
        await snapshotter.CommitAsync("layer", "one");
    }
}
