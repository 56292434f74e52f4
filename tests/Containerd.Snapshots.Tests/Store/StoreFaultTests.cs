namespace Containerd.Snapshots;

public class StoreFaultTests : StoreContentTest
{
    [Test]
    public void A_new_store_on_a_full_disk_is_resource_exhausted()
    {
        string disk = MountTmpfs("disk", "1m");
        Fill(Path.Join(disk, "fill"));
        ContainerdException failure = FailureToOpen(Path.Join(disk, "root"));
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.ResourceExhausted));
        Assert.That(failure.Message, Does.Contain(disk));
        File.Delete(Path.Join(disk, "fill"));
        Assert.That(() => new OverlaySnapshotter(Path.Join(disk, "root")).Dispose(), Throws.Nothing, "what was begun is finished");
    }

    [Test]
    public async Task A_store_opened_on_a_full_disk_is_resource_exhausted_and_loses_nothing()
    {
        string disk = MountTmpfs("disk", "1m"), root = Path.Join(disk, "root");
        await using (var snapshotter = new OverlaySnapshotter(Plain(root)))
            await CommitAsync(snapshotter, "layer", null, "file");
        Fill(Path.Join(disk, "fill"));
        Assert.That(FailureToOpen(root).Kind, Is.EqualTo(ErrorKind.ResourceExhausted), "the index of the log does not fit");
        File.Delete(Path.Join(disk, "fill"));
        await using var again = new OverlaySnapshotter(Plain(root));
        Assert.That(Shown(await again.ViewAsync("view", "layer")), Is.EqualTo(new[] { "file" }));
    }

    [Test]
    public async Task A_database_that_cannot_grow_is_resource_exhausted_and_loses_nothing()
    {
        string disk = MountTmpfs("disk", "4m");
        await using var snapshotter = new OverlaySnapshotter(Plain(Path.Join(disk, "root")));
        await CommitAsync(snapshotter, "layer", null, "file");
        Fill(Path.Join(disk, "fill"));
        var labels = new Dictionary<string, string> { ["a"] = new string('x', 4000) };
        ContainerdException? failure = null;
        int made = 0;
        for (; made < 2000 && failure is null; made++)
        {
            try
            {
                await snapshotter.ViewAsync($"view-{made}", "layer", new() { Labels = labels });
            }
            catch (ContainerdException e)
            {
                failure = e;
            }
        }
        Assert.That(failure?.Kind, Is.EqualTo(ErrorKind.ResourceExhausted));
        Assert.That(failure!.Message, Does.Contain("metadata.db").And.Contain("disk is full"));
        Assert.That(await NamesAsync(snapshotter), Has.Length.EqualTo(made), "what was done before, and not what failed");
        File.Delete(Path.Join(disk, "fill"));
        await snapshotter.ViewAsync("after", "layer");
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty);
    }

    [Test]
    public async Task Native_snapshots_that_do_not_fit_leave_nothing()
    {
        string disk = MountTmpfs("disk", "4m"), root = Path.Join(disk, "root");
        await using var snapshotter = new NativeSnapshotter(new LocalSnapshotterOptions { Root = root, CleansInBackground = false });
        string files = (await snapshotter.PrepareAsync("key"))[0].Source;
        await File.WriteAllBytesAsync(Path.Join(files, "large"), new byte[3 << 20]);
        await snapshotter.CommitAsync("layer", "key");
        ContainerdException failure = await FailureOf(() => snapshotter.PrepareAsync("copy", "layer"));
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.ResourceExhausted));
        Assert.That(await snapshotter.FindAsync("copy"), Is.Null);
        Assert.That(Directory.GetDirectories(Path.Join(root, "layers")), Has.Length.EqualTo(1));
        await snapshotter.PrepareAsync("empty");
    }

    [Test]
    public async Task A_store_on_a_read_only_file_system_cannot_be_opened_to_write()
    {
        string disk = MountTmpfs("disk"), root = Path.Join(disk, "root");
        await using (var snapshotter = new OverlaySnapshotter(Plain(root)))
            await CommitAsync(snapshotter, "layer", null, "file");
        Run("mount", "-o", "remount,ro", disk);
        string[] before = OnDisk(root);
        foreach (string path in (string[])[root, Path.Join(disk, "new"), Path.Join(disk, "new/deeper/still")])
        {
            ContainerdException failure = FailureToOpen(path);
            Assert.That(failure.Kind, Is.EqualTo(ErrorKind.PermissionDenied), path);
            Assert.That(failure.Message, Does.Contain(disk), path);
        }
        Assert.That(OnDisk(root), Is.EqualTo(before));
        Run("mount", "-o", "remount,rw", disk);
        await using var again = new OverlaySnapshotter(Plain(root));
        await again.PrepareAsync("work", "layer");
    }

    [Test]
    public async Task A_root_may_be_relative_or_behind_a_link()
    {
        string link = Path.Join(DirectoryPath, "link");
        Directory.CreateDirectory(Root);
        Directory.CreateSymbolicLink(link, Root);
        await using (var snapshotter = new OverlaySnapshotter(Plain(link)))
            await CommitAsync(snapshotter, "layer", null, "file");
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, Root) + "/";
        await using var again = new OverlaySnapshotter(Plain(relative));
        Assert.That(again.Root, Is.EqualTo(Root));
        Assert.That(Shown(await again.PrepareAsync("work", "layer")), Is.EqualTo(new[] { "file" }));
    }

    [Test]
    public void A_root_that_is_no_directory_is_refused()
    {
        string file = Path.Join(DirectoryPath, "file"), dangling = Path.Join(DirectoryPath, "dangling"), loop = Path.Join(DirectoryPath, "loop");
        File.WriteAllText(file, "data");
        File.CreateSymbolicLink(dangling, Path.Join(DirectoryPath, "nowhere"));
        File.CreateSymbolicLink(loop, loop);
        foreach (string root in (string[])[file, Path.Join(file, "below"), dangling, Path.Join(dangling, "below"), loop, Path.Join(DirectoryPath, new string('x', 300))])
        {
            ContainerdException failure = FailureToOpen(root);
            Assert.That(failure.Kind, Is.EqualTo(ErrorKind.InvalidArgument).Or.EqualTo(ErrorKind.NotFound).Or.EqualTo(ErrorKind.AlreadyExists), root);
            Assert.That(failure.Message, Does.Contain(DirectoryPath), root);
        }
        Assert.That(File.ReadAllText(file), Is.EqualTo("data"));
        Assert.That(Path.Exists(Path.Join(DirectoryPath, "nowhere")), Is.False, "nothing is made behind a link");
    }

    [Test]
    public void A_format_that_is_no_file_is_data_corrupted()
    {
        Directory.CreateDirectory(Path.Join(Root, "format"));
        File.SetUnixFileMode(Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Assert.That(FailureToOpen(Root).Kind, Is.EqualTo(ErrorKind.DataCorrupted));
        Directory.Delete(Path.Join(Root, "format"));
        Run("mkfifo", Path.Join(Root, "format"));
        Assert.That(FailureToOpen(Root).Kind, Is.EqualTo(ErrorKind.DataCorrupted), "and nobody waits for a writer");
    }

    [Test]
    public async Task An_empty_database_beside_trees_is_never_taken_for_a_new_one()
    {
        await using (var snapshotter = new OverlaySnapshotter(Plain(Root)))
            await CommitAsync(snapshotter, "layer", null, "file");
        string database = Path.Join(Root, "metadata.db");
        byte[] whole = await File.ReadAllBytesAsync(database);
        await File.WriteAllBytesAsync(database, []); // what power loss leaves of a file
        foreach (int _ in (int[])[1, 2])
        {
            ContainerdException failure = Assert.Throws<ContainerdException>(() => new OverlaySnapshotter(Root))!;
            Assert.That(failure.Kind, Is.EqualTo(ErrorKind.DataCorrupted));
            Assert.That(failure.Message, Does.Contain(database));
        }
        Assert.That(Entries("layers"), Has.Length.EqualTo(1));
        await File.WriteAllBytesAsync(database, whole);
        await using var again = new OverlaySnapshotter(Plain(Root));
        Assert.That(Shown(await again.ViewAsync("view", "layer")), Is.EqualTo(new[] { "file" }));
    }

    [Test]
    public async Task A_database_without_tables_beside_trees_is_never_taken_for_a_new_one()
    {
        await using (var snapshotter = new OverlaySnapshotter(Plain(Root)))
            await CommitAsync(snapshotter, "layer", null, "file");
        File.Delete(Path.Join(Root, "metadata.db"));
        using (MetadataConnection connection = MetadataConnection.Open(Path.Join(Root, "metadata.db"), 0, Durability.Relaxed))
            connection.QueryText("PRAGMA journal_mode = WAL"); // its first page, as it is before the log is merged
        ContainerdException failure = FailureToOpen(Root);
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.DataCorrupted));
        Assert.That(failure.Message, Does.Contain("metadata.db").And.Contain("StoreRecovery"));
        Assert.That(Entries("layers"), Has.Length.EqualTo(1));
    }

    private static ContainerdException FailureToOpen(string root) => Assert.Throws<ContainerdException>(() => new OverlaySnapshotter(root).Dispose())!;
}
