namespace Containerd.Snapshots;

public class WritableRootTests : StoreContentTest
{
    private string _fast = "";

    [SetUp]
    public void MountFast() => _fast = MountTmpfs("fast");

    [Test]
    public async Task Writable_trees_lie_apart_and_layers_do_not()
    {
        await using var snapshotter = Open();
        Assert.That(UpperOf(await snapshotter.PrepareAsync("empty")), Does.StartWith(_fast));
        Assert.That(UpperOf(await snapshotter.PrepareAsync("layer", options: new() { IsLayer = true })), Does.StartWith(Root));
        await snapshotter.CommitAsync("base", "layer");
        IReadOnlyList<Mount> mounts = await snapshotter.PrepareAsync("work", "base");
        Assert.That(UpperOf(mounts), Does.StartWith(_fast));
        Assert.That(await snapshotter.MountsAsync("work"), Is.EqualTo(mounts));
        Assert.That((await snapshotter.ViewAsync("view", "base"))[0].Options.Concat([(await snapshotter.MountsAsync("view"))[0].Source]), Has.None.Contains(_fast));
    }

    [Test]
    public async Task Committing_takes_everything_along()
    {
        await using var snapshotter = Open();
        await CommitAsync(snapshotter, "base", null, "deleted");
        IReadOnlyList<Mount> mounts = await snapshotter.PrepareAsync("first", "base");
        using (IDetachedMount tree = Mounter.MountDetached(mounts))
        {
            Directory.CreateDirectory(Path.Join(tree.Path, "directory"));
            await File.WriteAllTextAsync(Path.Join(tree.Path, "directory/hidden"), "hidden");
        }
        await snapshotter.CommitAsync("middle", "first");

        string target = Directory.CreateDirectory(Path.Join(DirectoryPath, "target")).FullName;
        Mounter.Mount(await snapshotter.PrepareAsync("second", "middle"), target);
        File.Delete(Path.Join(target, "deleted"));
        Directory.Delete(Path.Join(target, "directory"), recursive: true);
        Directory.CreateDirectory(Path.Join(target, "directory")); // opaque
        await File.WriteAllTextAsync(Path.Join(target, "directory/shown"), "shown");
        Run("ln", Path.Join(target, "directory/shown"), Path.Join(target, "link"));
        Run("chown", "12:34", Path.Join(target, "link"));
        SetAttribute(Path.Join(target, "link"), "user.color"u8, "red"u8);
        Mounter.Unmount(target);
        string written = UpperOf(await snapshotter.MountsAsync("second"));
        SnapshotUsage usage = await snapshotter.UsageAsync("second");
        var progress = new ListProgress();
        await snapshotter.CommitAsync("top", "second", new() { Progress = progress });
        Assert.That(Directory.Exists(written), Is.False);
        Assert.That(progress.Reports.Select(report => report.Work), Does.Contain(SnapshotWork.Copying));
        Assert.That((await snapshotter.UsageAsync("top")).Inodes, Is.EqualTo(usage.Inodes));

        IReadOnlyList<Mount> view = await snapshotter.ViewAsync("view", "top");
        Assert.That(string.Join(' ', view[0].Options), Does.Not.Contain(_fast));
        Assert.That(Shown(view), Is.EqualTo(new[] { "directory", "directory/shown", "link" }));
        Mounter.Mount(view, target);
        Assert.That(Run("stat", "-c", "%u:%g %h", Path.Join(target, "directory/shown")), Is.EqualTo("12:34 2"));
        Assert.That(AttributeOf(Path.Join(target, "link"), "user.color"u8), Is.EqualTo("red"));
        Mounter.Unmount(target);
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty);
        await snapshotter.CleanupAsync();
        Assert.That(TreesIn(_fast), Is.Empty);
    }

    [Test]
    public async Task Clean_up_empties_both()
    {
        string kept;
        await using (var gone = Open())
        {
            kept = Path.GetFileName(Path.GetDirectoryName(UpperOf(await gone.PrepareAsync("kept")))!);
            await gone.PrepareAsync("removed");
            await gone.RemoveAsync("removed");
        }
        string place = Directory.GetDirectories(_fast).Single();
        Directory.CreateDirectory(Path.Join(place, "layers/7/fs"));
        Directory.CreateDirectory(Path.Join(Root, "layers/8/fs"));
        Directory.CreateDirectory(Path.Join(place, "layers/notes"));
        await using var snapshotter = Open();
        Assert.That(Directory.GetDirectories(Path.Join(place, "trash")), Is.Not.Empty);
        await snapshotter.CleanupAsync();
        Assert.That(Directory.GetDirectories(Path.Join(place, "trash")), Is.Empty);
        Assert.That(TreesIn(_fast), Is.EquivalentTo(new[] { kept, "notes" }));
        Assert.That(Entries("layers"), Is.Empty);
        Assert.That((await snapshotter.VerifyAsync()).Select(defect => (defect.Kind, defect.Path)), Is.EqualTo(new[] { (SnapshotDefectKind.ForeignEntry, Path.Join(place, "layers/notes")) }));
    }

    [Test]
    public async Task Clean_up_leaves_what_lies_in_a_directory_that_has_two_names()
    {
        string file;
        await using (var before = Open())
        {
            file = Path.Join(UpperOf(await before.PrepareAsync("work")), "file");
            await File.WriteAllTextAsync(file, "text");
        }
        string link = Path.Join(DirectoryPath, "link");
        Directory.CreateSymbolicLink(link, _fast);
        await using var snapshotter = new OverlaySnapshotter(
            new OverlaySnapshotterOptions { Root = Root, WritableRoot = link, Durability = Durability.Relaxed, CleansInBackground = false });
        await snapshotter.PrepareAsync("removed");
        await snapshotter.RemoveAsync("removed");
        await snapshotter.CleanupAsync();
        Assert.That(File.Exists(file));
        Assert.That(TreesIn(_fast), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task A_process_without_the_option_goes_on_with_them()
    {
        await using (var before = Open())
        {
            await CommitAsync(before, "base", null, "base");
            await before.PrepareAsync("committed", "base");
            await before.PrepareAsync("removed", "base");
            await File.WriteAllTextAsync(Path.Join(UpperOf(await before.MountsAsync("committed")), "new"), "new");
        }
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        Assert.That(Shown(await snapshotter.MountsAsync("committed")), Is.EqualTo(new[] { "base", "new" }));
        await snapshotter.CommitAsync("top", "committed");
        await snapshotter.RemoveAsync("removed");
        await snapshotter.CleanupAsync();
        Assert.That(TreesIn(_fast), Is.Empty);
        Assert.That(UpperOf(await snapshotter.PrepareAsync("work", "top")), Does.StartWith(Root));
    }

    [Test]
    public async Task A_directory_that_is_not_there_now_holds_up_nothing_else()
    {
        var logger = new ListLogger();
        await using (var before = Open())
        {
            await CommitAsync(before, "base", null, "base");
            await before.PrepareAsync("lost", "base");
            await before.PrepareAsync("removed", "base");
        }
        Mounter.Unmount(_fast);
        await using var snapshotter = new OverlaySnapshotter(Plain(Root), logger);
        ContainerdException failure = await FailureOf(() => snapshotter.CommitAsync("top", "lost"));
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That(failure.Message, Does.Contain(_fast));
        Assert.That(await snapshotter.FindAsync("lost"), Is.Not.Null);
        await snapshotter.RemoveAsync("removed");
        await snapshotter.CleanupAsync();
        Assert.That(logger.Entries.Select(entry => entry.Id), Does.Contain(3006));
        Assert.That((await snapshotter.VerifyAsync()).Select(defect => (defect.Kind, defect.Snapshot)), Is.EqualTo(new[] { (SnapshotDefectKind.MissingTree, "lost") }));
        await CommitAsync(snapshotter, "next", "base", "next");
    }

    [Test]
    public async Task A_repair_keeps_the_work_on_a_disk_that_is_not_mounted_now()
    {
        await using (var before = Open())
            await before.PrepareAsync("work");
        string away = Directory.CreateDirectory(Path.Join(DirectoryPath, "away")).FullName;
        Mounter.Mount([Mount.Bind(_fast)], away);
        Mounter.Unmount(_fast);
        await using (var without = new OverlaySnapshotter(Plain(Root)))
        {
            SnapshotRepairResult result = await without.RepairAsync();
            Assert.That(result.Removed, Is.Empty);
            Assert.That(result.Remaining.Select(defect => (defect.Kind, defect.Snapshot)), Is.EqualTo(new[] { (SnapshotDefectKind.MissingTree, "work") }));
        }
        Mounter.Mount([Mount.Bind(away)], _fast);
        await using (var with = new OverlaySnapshotter(Plain(Root)))
        {
            await with.CleanupAsync();
            Assert.That(Directory.Exists(UpperOf(await with.MountsAsync("work"))));
            Assert.That(await with.VerifyAsync(), Is.Empty);
        }
        Mounter.Unmount(_fast);
        await using var giving = new OverlaySnapshotter(Plain(Root));
        Assert.That((await giving.RepairAsync(new() { RemoveActive = true })).Removed, Is.EqualTo(new[] { "work" }));
    }


    [Test]
    public async Task Stores_share_one_and_keep_apart()
    {
        string other = Path.Join(DirectoryPath, "other");
        await using var first = Open();
        await using var second = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = other, WritableRoot = _fast, CleansInBackground = false });
        Assert.That(UpperOf(await first.PrepareAsync("work")), Is.Not.EqualTo(UpperOf(await second.PrepareAsync("work"))));
        await first.CleanupAsync();
        await second.CleanupAsync();
        Assert.That(TreesIn(_fast), Has.Length.EqualTo(2));
        await second.RemoveAsync("work");
        await second.CleanupAsync();
        await first.CommitAsync("layer", "work");
    }

    [Test]
    public async Task A_full_disk_leaves_the_work_as_it_was()
    {
        await using var snapshotter = Open();
        Mounter.Mount([new Mount { Type = "tmpfs", Source = "tmpfs", Options = ["size=1m", "mode=0700"] }], Path.Join(Root, "layers"));
        await using var small = Open();
        IReadOnlyList<Mount> mounts = await small.PrepareAsync("work");
        await File.WriteAllBytesAsync(Path.Join(UpperOf(mounts), "large"), new byte[2 << 20]);
        ContainerdException failure = await FailureOf(() => small.CommitAsync("layer", "work"));
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.ResourceExhausted));
        Assert.That(Entries("layers"), Is.Empty, "the part that was copied is gone");
        Assert.That(await small.FindAsync("layer"), Is.Null);
        await File.WriteAllBytesAsync(Path.Join(UpperOf(await small.MountsAsync("work")), "large"), new byte[1 << 18]);
        await small.CommitAsync("layer", "work");
        Assert.That(new FileInfo(Path.Join((await small.ViewAsync("view", "layer"))[0].Source, "large")).Length, Is.EqualTo(1 << 18));
    }

    [Test]
    public async Task A_commit_that_is_cancelled_while_it_copies_leaves_the_work_as_it_was()
    {
        await using var snapshotter = Open();
        await File.WriteAllTextAsync(Path.Join(UpperOf(await snapshotter.PrepareAsync("work")), "file"), "text");
        using var cancellation = new CancellationTokenSource();
        snapshotter.Reached = step =>
        {
            if (step == StoreStep.TreeMoved)
                cancellation.Cancel();
        };
        Assert.That(async () => await snapshotter.CommitAsync("layer", "work", cancellationToken: cancellation.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Entries("layers"), Is.Empty);
        await snapshotter.CommitAsync("layer", "work");
        Assert.That(Shown(await snapshotter.ViewAsync("view", "layer")), Is.EqualTo(new[] { "file" }));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Work_that_goes_while_its_commit_copies_it_is_not_found(bool isCommitted)
    {
        await using var snapshotter = Open();
        await using var another = Open();
        await CommitAsync(snapshotter, "base", null, "file");
        // Without a parent another commit would wait.
        string upper = UpperOf(await snapshotter.PrepareAsync("work", isCommitted ? "base" : null));
        for (int i = 0; i < 10; i++)
            Directory.CreateDirectory(Path.Join(upper, $"{i}/{i}"));
        int reports = 0;
        var progress = new CallingProgress(() =>
        {
            if (Interlocked.Increment(ref reports) != 1)
                return;
            (isCommitted ? another.CommitAsync("other", "work") : another.RemoveAsync("work")).GetAwaiter().GetResult();
            another.CleanupAsync().GetAwaiter().GetResult();
        });
        ContainerdException failure = await FailureOf(() => snapshotter.CommitAsync("layer", "work", new() { Progress = progress }));
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotFound), failure.Message);
        Assert.That(reports, Is.Positive);
        await snapshotter.CleanupAsync();
        Assert.That(await NamesAsync(snapshotter), Is.EqualTo(isCommitted ? ["base", "other"] : new[] { "base" }));
        Assert.That(StoreInvariants.GarbageOf(snapshotter), Is.Empty);
    }

    [Test]
    public async Task A_shared_layer_written_apart_is_kept_once()
    {
        await using var snapshotter = Open();
        await CommitAsync(snapshotter, "base", null, "base");
        await CommitAsync(snapshotter, "first", "base", "file", SharedLayer);
        await CommitAsync(snapshotter, "second", "base", "file", SharedLayer);
        await snapshotter.CleanupAsync();
        Assert.That(Entries("layers"), Has.Length.EqualTo(2));
        Assert.That(TreesIn(_fast), Is.Empty);
        Assert.That(Shown(await snapshotter.ViewAsync("view", "second")), Is.EqualTo(new[] { "base", "file" }));
    }

    [Test]
    public void One_that_others_may_write_to_is_refused()
    {
        using (OverlaySnapshotter _ = Open())
        {
        }
        File.SetUnixFileMode(Directory.GetDirectories(_fast).Single(), (UnixFileMode)0b111_111_111);
        ContainerdException failure = Assert.Throws<ContainerdException>(() => Open())!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.PermissionDenied));
        Assert.That(failure.Message, Does.Contain(_fast));
    }

    [Test]
    public void One_where_overlay_does_not_work_is_refused_with_the_reason()
    {
        string[] parts = [.. ((string[])["lower", "upper", "work", "nested"]).Select(name => Directory.CreateDirectory(Path.Join(DirectoryPath, name)).FullName)];
        Mounter.Mount([new OverlayMount { LowerDirectories = [parts[0]], UpperDirectory = parts[1], WorkDirectory = parts[2] }.ToMount()], parts[3]);
        ContainerdException failure = Assert.Throws<ContainerdException>(() => new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, WritableRoot = parts[3] }).Dispose())!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotSupported));
        Assert.That(failure.Message, Does.Contain("Overlay does not work").And.Contain(parts[3]));
    }

    private OverlaySnapshotter Open() =>
        new(new OverlaySnapshotterOptions { Root = Root, WritableRoot = _fast, Durability = Durability.Relaxed, CleansInBackground = false });

    private sealed class CallingProgress(Action call) : IProgress<SnapshotProgress>
    {
        public void Report(SnapshotProgress value) => call();
    }

    private static string[] TreesIn(string directory) =>
        [.. Directory.GetDirectories(directory).SelectMany(store => Directory.GetDirectories(Path.Join(store, "layers"))).Select(path => Path.GetFileName(path)!)];
}
