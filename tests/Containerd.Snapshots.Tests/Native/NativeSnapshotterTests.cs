using Containerd.Conformance;

namespace Containerd.Snapshots;

[RequiresRoot]
public class NativeSnapshotterTests
{
    private const int Files = 4000;

    private FileSystemImage? _image;

    [TearDown]
    public void UnmountFileSystem() => _image?.Dispose();

    [Test]
    public async Task A_copy_is_told_and_cancelled_in_the_middle()
    {
        await using NativeSnapshotter snapshotter = Open("tmpfs");
        await CommitAsync(snapshotter, "layer", WriteMany);
        using var cancelling = new CancellationTokenSource();
        var seen = new List<SnapshotProgress>();
        var progress = new Observer(report =>
        {
            lock (seen)
                seen.Add(report);
            if (report.Done > Files / 10)
                cancelling.Cancel();
        });
        Assert.That(
            async () => await snapshotter.PrepareAsync("key", "layer", new() { Progress = progress }, cancelling.Token),
            Throws.InstanceOf<OperationCanceledException>().With.Property(nameof(OperationCanceledException.CancellationToken)).EqualTo(cancelling.Token));
        Assert.That(seen, Is.Not.Empty.And.All.Property(nameof(SnapshotProgress.Work)).EqualTo(SnapshotWork.Copying));
        Assert.That(seen[^1].Done, Is.InRange(Files / 10, Files - 1), "it stopped in the middle");
        Assert.That(await snapshotter.FindAsync("key"), Is.Null);
        Assert.That(StoreInvariants.GarbageOf(snapshotter), Is.Empty, "without any clean-up");
        await snapshotter.PrepareAsync("key", "layer");
    }

    [Test]
    public async Task A_parent_that_goes_while_it_is_copied_is_not_found()
    {
        await using NativeSnapshotter snapshotter = Open("tmpfs");
        await CommitAsync(snapshotter, "layer", WriteMany);
        var removal = new Lazy<Task>(() => snapshotter.RemoveAsync("layer"));
        Task<IReadOnlyList<Mount>> preparation = snapshotter.PrepareAsync("key", "layer", new() { Progress = new Observer(_ => removal.Value.Wait()) });
        Assert.That(async () => await preparation, Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(ErrorKind.NotFound));
        Assert.That(await snapshotter.FindAsync("key"), Is.Null);
        await snapshotter.CleanupAsync();
        await StoreInvariants.AssertWholeAsync(snapshotter);
    }

    [Test]
    public async Task A_parent_that_is_replaced_while_it_is_copied_is_copied_anew()
    {
        await using NativeSnapshotter snapshotter = Open("tmpfs");
        await CommitAsync(snapshotter, "layer", WriteMany);
        var replacement = new Lazy<Task>(async () =>
        {
            await snapshotter.RemoveAsync("layer");
            await CommitAsync(snapshotter, "layer", tree => File.WriteAllText(Path.Join(tree, "new"), ""));
        });
        string copy = "";
        try
        {
            copy = (await snapshotter.PrepareAsync("key", "layer", new() { Progress = new Observer(_ => Task.Run(() => replacement.Value).Wait()) }))[0].Source;
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.NotFound)
        {
            Assert.That(await snapshotter.FindAsync("key"), Is.Null, "what was copied was gone before it was complete");
        }
        if (copy.Length > 0)
            Assert.That(Directory.GetFileSystemEntries(copy).Select(Path.GetFileName), Is.EqualTo(new[] { "new" }));
        await snapshotter.CleanupAsync();
        await StoreInvariants.AssertWholeAsync(snapshotter);
    }

    [Test, RequiresFileSystem("xfs"), RequiresProgram("mkfs.xfs")]
    public async Task Copies_share_their_content_where_the_file_system_can()
    {
        const int Size = 128 << 20;
        await using NativeSnapshotter snapshotter = Open("xfs");
        await CommitAsync(snapshotter, "layer", tree =>
        {
            using FileStream file = File.Create(Path.Join(tree, "file"));
            for (int written = 0; written < Size; written += 1 << 20)
                file.Write(new byte[1 << 20]);
        });
        var disk = new DriveInfo(_image!.Path);
        long before = disk.AvailableFreeSpace;
        await snapshotter.PrepareAsync("one", "layer");
        await snapshotter.PrepareAsync("two", "layer");
        Assert.That(before - disk.AvailableFreeSpace, Is.LessThan(Size / 8));
    }

    private NativeSnapshotter Open(string fileSystem)
    {
        _image = FileSystemImage.Make(fileSystem);
        return new NativeSnapshotter(new LocalSnapshotterOptions { Root = Path.Join(_image.Path, "root"), CleansInBackground = false });
    }

    private static async Task CommitAsync(NativeSnapshotter snapshotter, string name, Action<string> write)
    {
        write((await snapshotter.PrepareAsync($"key of {name}"))[0].Source);
        await snapshotter.CommitAsync(name, $"key of {name}");
    }

    private static void WriteMany(string tree)
    {
        for (int i = 0; i < Files; i++)
        {
            string directory = Path.Join(tree, $"{i / 100}");
            Directory.CreateDirectory(directory);
            File.WriteAllBytes(Path.Join(directory, $"{i}"), []);
        }
    }

    private sealed class Observer(Action<SnapshotProgress> seen) : IProgress<SnapshotProgress>
    {
        public void Report(SnapshotProgress value) => seen(value);
    }
}
