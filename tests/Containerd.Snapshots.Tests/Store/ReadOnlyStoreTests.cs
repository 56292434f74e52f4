namespace Containerd.Snapshots;

public class ReadOnlyStoreTests : StoreContentTest
{
    [Test]
    public async Task A_reader_sees_what_a_writer_changes_at_once()
    {
        await using var writer = new OverlaySnapshotter(Plain(Root));
        await CommitAsync(writer, "base", null, "base");
        await using var reader = OpenToRead();
        Assert.That(await NamesAsync(reader), Is.EqualTo(new[] { "base" }));
        await CommitAsync(writer, "layer", "base", "file");
        Assert.That(await reader.FindAsync("layer"), Is.Not.Null);
        Assert.That(await reader.UsageAsync("layer"), Is.EqualTo(await writer.UsageAsync("layer")));
        await writer.PrepareAsync("active", "layer");
        Assert.That(Shown(await reader.MountsAsync("active")), Is.EqualTo(new[] { "base", "file" }));
        await writer.RemoveAsync("active");
        Assert.That(await reader.FindAsync("active"), Is.Null);
        Assert.That(await reader.VerifyAsync(), Is.Empty);
    }

    [Test]
    public async Task A_reader_outlives_writers_that_come_and_go()
    {
        new OverlaySnapshotter(Plain(Root)).Dispose();
        await using var reader = OpenToRead();
        for (int i = 0; i < 5; i++)
        {
            Assert.That(await NamesAsync(reader), Has.Length.EqualTo(i));
            await using (var writer = new OverlaySnapshotter(Plain(Root)))
            {
                await CommitAsync(writer, $"layer-{i}", null, "file");
                Assert.That(await reader.FindAsync($"layer-{i}"), Is.Not.Null, "while it is open");
            }
            Assert.That(await reader.FindAsync($"layer-{i}"), Is.Not.Null, "when it is closed");
        }
    }

    [Test]
    public async Task Readers_never_see_half_of_what_writers_do()
    {
        using (var writer = new OverlaySnapshotter(Plain(Root)))
            await CommitAsync(writer, "layer", null, "file");
        await using var reader = OpenToRead();
        using var done = new CancellationTokenSource();
        Task writing = Task.Run(async () =>
        {
            for (int i = 0; i < 15; i++)
            {
                using var writer = new OverlaySnapshotter(Plain(Root));
                await CommitAsync(writer, $"name-{i}", "layer", "file");
            }
            await done.CancelAsync();
        });
        int known = 1;
        while (!done.IsCancellationRequested && !writing.IsFaulted)
        {
            List<SnapshotInfo> seen = [.. (await ListAsync(reader)).Where(info => info.Kind == SnapshotKind.Committed)];
            Assert.That(seen, Has.Count.AtLeast(known));
            known = seen.Count;
        }
        await writing;
        Assert.That(await NamesAsync(reader), Has.Length.EqualTo(16));
    }

    [Test]
    public async Task Every_change_is_permission_denied_with_the_reason()
    {
        await using var writer = new OverlaySnapshotter(Plain(Root));
        await CommitAsync(writer, "layer", null, "file");
        await writer.PrepareAsync("active", "layer");
        await using var reader = OpenToRead();
        (string What, Func<Task> Change)[] changes =
        [
            ("prepare", () => reader.PrepareAsync("new", "layer")),
            ("empty view", () => reader.ViewAsync("new")),
            ("commit", () => reader.CommitAsync("new", "active")),
            ("adopt", () => reader.AdoptAsync("new", null, LayerDiffId)),
            ("remove", () => reader.RemoveAsync("active")),
            ("label", () => reader.UpdateAsync("layer", LabelUpdate.Replace(new Dictionary<string, string> { ["a"] = "b" }))),
            ("clean up", () => reader.CleanupAsync()),
            ("repair", () => reader.RepairAsync()),
        ];
        string[] before = await NamesAsync(writer);
        foreach ((string what, Func<Task> change) in changes)
        {
            ContainerdException failure = await FailureOf(change);
            Assert.That(failure.Kind, Is.EqualTo(ErrorKind.PermissionDenied), what);
            Assert.That(failure.Message, Does.Contain("read only").And.Contain(Root), what);
            Assert.That(failure.Subject, Is.Not.Null, what);
        }
        Assert.That(await NamesAsync(writer), Is.EqualTo(before));
    }

    [Test]
    public async Task Views_live_in_memory_and_behave_as_others_do()
    {
        await using var writer = new OverlaySnapshotter(Plain(Root));
        await CommitAsync(writer, "base", null, "base");
        await CommitAsync(writer, "layer", "base", "file");
        await writer.PrepareAsync("active", "layer");
        await using var reader = OpenToRead();
        IReadOnlyList<Mount> mounts = await reader.ViewAsync("view", "layer", new() { Labels = new Dictionary<string, string> { ["a"] = "b" } });
        Assert.That(mounts, Is.All.Property(nameof(Mount.IsReadOnly)).True);
        Assert.That(Shown(mounts), Is.EqualTo(new[] { "base", "file" }));
        Assert.That(await reader.MountsAsync("view"), Is.EqualTo(mounts));
        SnapshotInfo found = (await reader.FindAsync("view"))!;
        Assert.That((found.Kind, found.Parent, found.Labels["a"]), Is.EqualTo((SnapshotKind.View, "layer", "b")));
        Assert.That(await NamesAsync(reader), Does.Contain("view"));
        Assert.That((await ListAsync(reader, new() { Kind = SnapshotKind.Committed })).Select(info => info.Name), Does.Not.Contain("view"));
        Assert.That(await reader.UsageAsync("view"), Is.EqualTo(default(SnapshotUsage)));

        Assert.That((await FailureOf(() => reader.ViewAsync("view", "base"))).Kind, Is.EqualTo(ErrorKind.AlreadyExists));
        Assert.That((await FailureOf(() => reader.ViewAsync("active", "base"))).Kind, Is.EqualTo(ErrorKind.AlreadyExists));
        Assert.That((await FailureOf(() => reader.ViewAsync("x", "missing"))).Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That((await FailureOf(() => reader.ViewAsync("x", "active"))).Kind, Is.EqualTo(ErrorKind.InvalidArgument));
        Assert.That((await FailureOf(() => reader.ViewAsync("x", "view"))).Kind, Is.EqualTo(ErrorKind.InvalidArgument));
        Assert.That((await FailureOf(() => reader.ViewAsync("", "layer"))).Kind, Is.EqualTo(ErrorKind.InvalidArgument));

        Assert.That(await writer.FindAsync("view"), Is.Null, "nobody else knows it");
        await reader.RemoveAsync("view");
        Assert.That(await reader.FindAsync("view"), Is.Null);
        Assert.That((await FailureOf(() => reader.MountsAsync("view"))).Kind, Is.EqualTo(ErrorKind.NotFound));
    }

    [Test]
    public async Task A_view_in_memory_keeps_its_name_though_a_writer_gives_it_too()
    {
        await MakeStoreAsync(Root);
        await using var writer = new OverlaySnapshotter(Plain(Root));
        OverlaySnapshotter reader = OpenToRead();
        IReadOnlyList<Mount> mounts = await reader.ViewAsync("view", "layer");
        await writer.PrepareAsync("view", "base");
        Assert.That(await NamesAsync(reader), Is.EqualTo(new[] { "active", "base", "layer", "view" }));
        SnapshotInfo info = (await reader.FindAsync("view"))!;
        Assert.That((info.Kind, info.Parent), Is.EqualTo((SnapshotKind.View, "layer")));
        Assert.That(await reader.MountsAsync("view"), Is.EqualTo(mounts));
        await reader.RemoveAsync("view");
        Assert.That((await reader.FindAsync("view"))!.Kind, Is.EqualTo(SnapshotKind.Active));
        await reader.ViewAsync("last", "layer");
        reader.Dispose();
        Assert.That(async () => await reader.FindAsync("last"), Throws.InstanceOf<ObjectDisposedException>());
        Assert.That(async () => await reader.MountsAsync("last"), Throws.InstanceOf<ObjectDisposedException>());
    }


    [Test]
    public async Task Reading_a_closed_store_makes_and_changes_nothing()
    {
        await MakeStoreAsync(Root);
        string[] before = OnDisk(Root);
        await using (var reader = OpenToRead())
            await UseAsync(reader);
        Assert.That(OnDisk(Root), Is.EqualTo(before));
    }

    [Test]
    public async Task Closing_while_it_is_read_leaves_no_file_open()
    {
        await MakeStoreAsync(Root);
        for (int i = 0; i < 30; i++)
        {
            OverlaySnapshotter reader = OpenToRead();
            Task[] reading = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
            {
                while (true)
                    await reader.FindAsync("base");
            }))];
            await Task.Delay(2);
            reader.Dispose();
            foreach (Task one in reading)
                Assert.That(async () => await one, Throws.InstanceOf<ObjectDisposedException>());
        }
        Assert.That(Directory.GetFileSystemEntries("/proc/self/fd").Select(file => new FileInfo(file).LinkTarget), Has.None.StartsWith(Root));
    }


    [Test]
    public async Task A_store_that_a_killed_process_left_is_read_with_what_is_only_in_its_log()
    {
        string copy = await CopyOfOpenStoreAsync();
        string[] before = OnDisk(copy);
        await using (var reader = OpenToRead(copy))
            await UseAsync(reader);
        Assert.That(OnDisk(copy).Where(entry => !entry.StartsWith("metadata.db-shm", StringComparison.Ordinal)), Is.EqualTo(before.Where(entry => !entry.StartsWith("metadata.db-shm", StringComparison.Ordinal))));
    }

    [Test]
    public async Task A_store_on_a_read_only_medium_is_read()
    {
        string medium = MountTmpfs("medium"), root = Path.Join(medium, "store");
        await MakeStoreAsync(root);
        Run("mount", "-o", "remount,ro", medium);
        string[] before = OnDisk(root);
        await using (var reader = OpenToRead(root))
            await UseAsync(reader);
        Assert.That(OnDisk(root), Is.EqualTo(before));
    }

    [Test]
    public async Task A_log_that_was_not_merged_before_the_medium_became_read_only_is_a_failed_precondition()
    {
        string copy = await CopyOfOpenStoreAsync();
        string medium = MountTmpfs("medium"), root = Path.Join(medium, "store");
        Run("cp", "-a", copy, root);
        File.Delete(Path.Join(root, "metadata.db-shm"));
        Run("mount", "-o", "remount,ro", medium);
        string[] before = OnDisk(root);
        ContainerdException failure = Assert.Throws<ContainerdException>(() => OpenToRead(root))!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(failure.Message, Does.Contain("log").And.Contain("metadata.db"));
        Assert.That(OnDisk(root), Is.EqualTo(before));
    }

    [Test]
    public async Task A_log_whose_index_a_copy_left_out_is_a_failed_precondition_and_none_is_made()
    {
        string copy = await CopyOfOpenStoreAsync();
        File.Delete(Path.Join(copy, "metadata.db-shm"));
        string[] before = OnDisk(copy);
        ContainerdException failure = Assert.Throws<ContainerdException>(() => OpenToRead(copy))!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(failure.Message, Does.Contain("metadata.db").And.Contain("index").And.Contain("for writing once"));
        Assert.That(OnDisk(copy), Is.EqualTo(before));
        new OverlaySnapshotter(Plain(copy)).Dispose();
        await using OverlaySnapshotter reader = OpenToRead(copy);
        Assert.That(await NamesAsync(reader), Is.EqualTo(new[] { "active", "base", "layer" }));
    }

    [Test]
    public void No_store_to_read_is_not_found_and_none_is_made()
    {
        Assert.That(Assert.Throws<ContainerdException>(() => OpenToRead())!.Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That(Directory.Exists(Root), Is.False);
        Directory.CreateDirectory(Root);
        Assert.That(Assert.Throws<ContainerdException>(() => OpenToRead())!.Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That(Entries(""), Is.Empty);
    }

    private OverlaySnapshotter OpenToRead() => OpenToRead(Root);

    private static OverlaySnapshotter OpenToRead(string root) => new(new OverlaySnapshotterOptions { Root = root, IsReadOnly = true });

    private static async Task MakeStoreAsync(string root)
    {
        await using var writer = new OverlaySnapshotter(Plain(root));
        await CommitAsync(writer, "base", null, "base");
        await CommitAsync(writer, "layer", "base", "file");
        await writer.PrepareAsync("active", "layer");
    }

    private async Task UseAsync(OverlaySnapshotter reader)
    {
        Assert.That(await NamesAsync(reader), Is.EqualTo(new[] { "active", "base", "layer" }));
        Assert.That(Shown(await reader.ViewAsync("view", "layer")), Is.EqualTo(new[] { "base", "file" }));
        Assert.That(await reader.VerifyAsync(), Is.Empty);
        await reader.RemoveAsync("view");
    }

    /// <summary>What a process that is killed leaves: a database whose last changes are only in its log.</summary>
    private async Task<string> CopyOfOpenStoreAsync()
    {
        string copy = Path.Join(DirectoryPath, "copy");
        await using var writer = new OverlaySnapshotter(Plain(Root));
        await CommitAsync(writer, "base", null, "base");
        await CommitAsync(writer, "layer", "base", "file");
        await writer.PrepareAsync("active", "layer");
        Run("cp", "-a", Root, copy);
        Assert.That(new FileInfo(Path.Join(copy, "metadata.db-wal")).Length, Is.Positive);
        return copy;
    }
}
