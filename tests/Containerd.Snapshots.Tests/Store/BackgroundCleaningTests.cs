namespace Containerd.Snapshots;

public class BackgroundCleaningTests : StoreContentTest
{
    [Test]
    public async Task Opening_reclaims_what_a_dead_process_has_left()
    {
        await using (var gone = new OverlaySnapshotter(Plain(Root)))
            await gone.PrepareAsync("kept");
        foreach (string directory in (string[])["layers/5/fs", "layers/6/fs/deep/deeper", "trash/7/fs"])
            Directory.CreateDirectory(Path.Join(Root, directory));
        await using var snapshotter = Open();
        await UntilAsync(() => Entries("layers").Length == 1 && Entries("trash").Length == 0 && Entries("owners").Length == 1, "what is left is reclaimed");
        Assert.That(Shown(await snapshotter.MountsAsync("kept")), Is.Empty);
    }

    [Test]
    public async Task A_removed_trees_space_is_freed_without_another_call()
    {
        await using var snapshotter = Open();
        for (int round = 0; round < 3; round++)
        {
            string upper = UpperOf(await snapshotter.PrepareAsync("key"));
            await File.WriteAllTextAsync(Path.Join(upper, "file"), "text");
            await snapshotter.RemoveAsync("key");
            Assert.That(Directory.Exists(upper), Is.False, "at once nobody finds it");
            await UntilAsync(() => Entries("trash").Length == 0, "the trash is emptied");
        }
    }

    [Test]
    public async Task Told_not_to_it_deletes_nothing_by_itself()
    {
        await using (var snapshotter = new OverlaySnapshotter(Plain(Root)))
        {
            await snapshotter.PrepareAsync("key");
            await snapshotter.RemoveAsync("key");
        }
        await using (var again = new OverlaySnapshotter(Plain(Root)))
            await again.PrepareAsync("other");
        Assert.That(Entries("trash"), Is.EqualTo(new[] { "1" }));
        await using var cleaning = Open();
        await UntilAsync(() => Entries("trash").Length == 0, "the next one does it");
    }

    [Test]
    public async Task Closing_stops_in_the_middle_of_a_huge_tree_and_the_next_goes_on()
    {
        string trash;
        int count = 500;
        // A machine that is busy may come back to the test when a smaller one is gone.
        while (!TryCloseInTheMiddle(count, out trash))
            Assert.That(count *= 2, Is.LessThan(20_000), "closing waits until everything is deleted");
        Assert.That(Directory.GetDirectories(trash), Is.Not.Empty, "the rest is still there");
        await using var next = Open();
        await UntilAsync(() => Entries("trash").Length == 0, "the next goes on");
    }

    [Test]
    public async Task A_mount_forgotten_in_a_removed_tree_is_never_deleted_through_and_told_of()
    {
        string precious = Directory.CreateDirectory(Path.Join(DirectoryPath, "precious")).FullName;
        await File.WriteAllTextAsync(Path.Join(precious, "file"), "text");
        var logger = new ListLogger();
        await using var snapshotter = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root }, logger);
        string upper = UpperOf(await snapshotter.PrepareAsync("removed"));
        Directory.CreateDirectory(Path.Join(upper, "inner"));
        Mounter.Mount([Mount.Bind(precious)], Path.Join(upper, "inner"));
        await snapshotter.PrepareAsync("other");
        await snapshotter.RemoveAsync("removed");
        await UntilAsync(() => logger.Entries.Any(entry => entry.Id == 3005), "it is logged");
        Assert.That(logger.Entries.First(entry => entry.Id == 3005).Message, Does.Contain("mounted").And.Contain(Root));
        Assert.That(File.Exists(Path.Join(precious, "file")));

        // The cleaner has survived it, and does it with the next removal once that is possible.
        Mounter.Unmount(Path.Join(Root, "trash"), UnmountOptions.Recursive);
        await snapshotter.RemoveAsync("other");
        await UntilAsync(() => Entries("trash").Length == 0, "both are gone");
        Assert.That(File.Exists(Path.Join(precious, "file")));
    }

    [Test]
    public async Task Opening_closing_and_removing_at_once_ends()
    {
        for (int i = 0; i < 20; i++)
        {
            var snapshotter = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, Durability = Durability.Relaxed });
            await snapshotter.PrepareAsync("key");
            Task removing = snapshotter.RemoveAsync("key");
            if (i % 2 == 0)
                await removing;
            snapshotter.Dispose();
            snapshotter.Dispose();
            Exception? end = await removing.ContinueWith(task => task.Exception?.InnerException, TaskScheduler.Default);
            Assert.That(end, Is.Null.Or.InstanceOf<ObjectDisposedException>());
            using var after = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, Durability = Durability.Relaxed });
            if (await after.FindAsync("key") is not null)
                await after.RemoveAsync("key");
        }
    }

    [Test]
    public async Task Closing_ends_every_call_that_waits_for_the_number_of_a_new_tree()
    {
        for (int i = 0; i < 30; i++)
        {
            var snapshotter = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, Durability = Durability.Relaxed });
            Task[] preparing = [.. Enumerable.Range(0, 200).Select(number => Task.Run(() => snapshotter.PrepareAsync($"key {i} {number}")))];
            await Task.WhenAny(preparing[i], Task.Delay(i % 6));
            snapshotter.Dispose();
            Exception? end = await Task.WhenAll(preparing).WaitAsync(TimeSpan.FromSeconds(20)).ContinueWith(task => task.Exception?.InnerException, TaskScheduler.Default);
            Assert.That(end, Is.Null.Or.InstanceOf<ObjectDisposedException>());
        }
    }


    private bool TryCloseInTheMiddle(int count, out string trash)
    {
        using OverlaySnapshotter snapshotter = Open();
        string upper = UpperOf(snapshotter.PrepareAsync("huge").GetAwaiter().GetResult());
        for (int i = 0; i < count; i++)
            Directory.CreateDirectory(Path.Join(upper, $"{i}/inner/innermost"));
        string tree = trash = Path.Join(Root, "trash", Path.GetFileName(Path.GetDirectoryName(upper))!, "fs");
        snapshotter.RemoveAsync("huge").GetAwaiter().GetResult();
        Assert.That(SpinWait.SpinUntil(() => Enumerable.Range(0, 10).Any(i => !Directory.Exists(Path.Join(tree, $"{i * count / 10}"))), TimeSpan.FromSeconds(20)), "deleting has begun");
        snapshotter.Dispose();
        return Directory.Exists(tree) && Directory.EnumerateDirectories(tree).Any();
    }

    private OverlaySnapshotter Open() => new(new OverlaySnapshotterOptions { Root = Root, Durability = Durability.Relaxed });
}
