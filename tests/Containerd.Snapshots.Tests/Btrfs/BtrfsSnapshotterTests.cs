using Containerd.Conformance;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

[RequiresRoot, RequiresFileSystem("btrfs"), RequiresProgram("mkfs.btrfs")]
public class BtrfsSnapshotterTests
{
    private FileSystemImage _image = null!;

    private string Root => Path.Join(_image.Path, "root");

    [SetUp]
    public void MountImage() => _image = FileSystemImage.Make("btrfs");

    [TearDown]
    public void UnmountImage() => _image?.Dispose();

    [Test]
    public async Task A_committed_subvolume_is_closed_for_writing_and_its_children_are_not()
    {
        await using var snapshotter = new BtrfsSnapshotter(Root);
        string tree = await CommitAsync(snapshotter, "layer", null, "one");
        Assert.That(() => File.WriteAllText(Path.Join(tree, "two"), ""), Throws.InstanceOf<IOException>());
        string child = (await snapshotter.PrepareAsync("child", "layer"))[0].Source;
        await File.WriteAllTextAsync(Path.Join(child, "two"), "");
        Assert.That(Directory.GetFiles(tree).Select(Path.GetFileName), Is.EqualTo(new[] { "one" }));
    }

    [Test]
    public async Task A_snapshot_that_is_removed_as_soon_as_it_is_committed_was_committed()
    {
        await using var snapshotter = new BtrfsSnapshotter(new LocalSnapshotterOptions { Root = Root, CleansInBackground = false });
        await snapshotter.PrepareAsync("active");
        snapshotter.Reached = step =>
        {
            if (step == StoreStep.CommitRecorded)
                Task.Run(() => snapshotter.RemoveAsync("layer")).Wait();
        };
        SnapshotInfo committed = await snapshotter.CommitAsync("layer", "active");
        Assert.That(committed.Name, Is.EqualTo("layer"));
        await snapshotter.CleanupAsync();
        await StoreInvariants.AssertWholeAsync(snapshotter);
    }

    [Test]
    public async Task Usage_counts_what_is_new_or_changed()
    {
        await using var snapshotter = new BtrfsSnapshotter(Root);
        await CommitAsync(snapshotter, "layer", null, "one", "two", "three");
        string child = (await snapshotter.PrepareAsync("child", "layer"))[0].Source;
        Assert.That((await snapshotter.UsageAsync("child")).Inodes, Is.Zero);
        await File.AppendAllTextAsync(Path.Join(child, "one"), "more");
        Assert.That((await snapshotter.UsageAsync("child")).Inodes, Is.EqualTo(1));
        File.SetLastWriteTimeUtc(Path.Join(child, "two"), DateTime.UnixEpoch);
        File.Delete(Path.Join(child, "three"));
        await File.WriteAllTextAsync(Path.Join(child, "three"), "three");
        Assert.That((await snapshotter.UsageAsync("child")).Inodes, Is.EqualTo(4), "three files and the root");
        await snapshotter.CommitAsync("above", "child");
        Assert.That((await snapshotter.UsageAsync("above")).Inodes, Is.EqualTo(4));
    }

    [Test]
    public async Task Subvolumes_made_inside_a_snapshot_are_deleted_with_it()
    {
        await using var snapshotter = new BtrfsSnapshotter(new LocalSnapshotterOptions { Root = Root, CleansInBackground = false });
        string tree = (await snapshotter.PrepareAsync("active"))[0].Source;
        Directory.CreateDirectory(Path.Join(tree, "a/b"));
        MakeSubvolume(Path.Join(tree, "a/b"), "inner");
        MakeSubvolume(Path.Join(tree, "a/b/inner"), "innermost");
        await File.WriteAllTextAsync(Path.Join(tree, "a/b/inner/innermost/file"), "");
        await snapshotter.CommitAsync("layer", "active");
        await snapshotter.RemoveAsync("layer");
        await snapshotter.CleanupAsync();
        await StoreInvariants.AssertWholeAsync(snapshotter);
    }

    [Test]
    public async Task Read_only_subvolumes_inside_a_snapshot_are_deleted_with_it()
    {
        await using var snapshotter = new BtrfsSnapshotter(new LocalSnapshotterOptions { Root = Root, CleansInBackground = false });
        string tree = (await snapshotter.PrepareAsync("active"))[0].Source;
        MakeSubvolume(tree, "inner");
        // Deeper than what is deleted in place, and nothing can be moved from one subvolume to another.
        string deep = string.Concat(Enumerable.Repeat("/d", 200));
        Directory.CreateDirectory(Path.Join(tree, "inner", deep));
        Directory.CreateDirectory(Path.Join(tree, deep));
        await File.WriteAllTextAsync(Path.Join(tree, "inner", deep, "file"), "");
        using (SafeFileHandle inner = Open(Path.Join(tree, "inner")))
            Assert.That(Interop.Btrfs.SetReadOnly(inner, readOnly: true), Is.Zero);
        await snapshotter.RemoveAsync("active");
        await snapshotter.CleanupAsync();
        await StoreInvariants.AssertWholeAsync(snapshotter);
    }

    [Test]
    public async Task A_mount_in_a_removed_subvolume_is_told_and_left_alone()
    {
        await using var snapshotter = new BtrfsSnapshotter(new LocalSnapshotterOptions { Root = Root, CleansInBackground = false });
        var mounter = new LinuxMounter();
        string inner = Directory.CreateDirectory(Path.Join((await snapshotter.PrepareAsync("active"))[0].Source, "a/inner")).FullName;
        mounter.Mount([new Mount { Type = "tmpfs", Source = "tmpfs" }], inner);
        await snapshotter.RemoveAsync("active");
        ContainerdException failure = Assert.ThrowsAsync<ContainerdException>(() => snapshotter.CleanupAsync())!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.FailedPrecondition));
        mounter.Unmount(Root, UnmountOptions.Recursive);
        await snapshotter.CleanupAsync();
        await StoreInvariants.AssertWholeAsync(snapshotter);
    }

    [Test]
    public async Task A_store_that_was_verified_after_a_kill_before_sealing_is_whole()
    {
        await using var snapshotter = new BtrfsSnapshotter(Root);
        string tree = await CommitAsync(snapshotter, "layer", null, "one");
        using (SafeFileHandle subvolume = Open(tree))
            Assert.That(Interop.Btrfs.SetReadOnly(subvolume, readOnly: false), Is.Zero);
        await snapshotter.PrepareAsync("child", "layer");
        await StoreInvariants.AssertWholeAsync(snapshotter);
    }

    [Test]
    public void Another_file_system_is_refused_and_nothing_is_made()
    {
        using FileSystemImage other = FileSystemImage.Make("tmpfs");
        string root = Path.Join(other.Path, "root");
        Directory.CreateDirectory(Path.Join(root, ".probe-overlay-left-by-a-killed-process"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.SetUnixFileMode(root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        ContainerdException failure = Assert.Throws<ContainerdException>(() => new BtrfsSnapshotter(root).Dispose())!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotSupported));
        Assert.That(failure.Message, Does.Contain("btrfs"));
        using var native = new NativeSnapshotter(root); // the directory is nobody's
    }

    private static async Task<string> CommitAsync(BtrfsSnapshotter snapshotter, string name, string? parent, params string[] files)
    {
        string tree = (await snapshotter.PrepareAsync($"key of {name}", parent))[0].Source;
        foreach (string file in files)
            await File.WriteAllTextAsync(Path.Join(tree, file), file);
        await snapshotter.CommitAsync(name, $"key of {name}");
        return tree;
    }

    private static void MakeSubvolume(string directory, string name)
    {
        using SafeFileHandle parent = Open(directory);
        Assert.That(Interop.Btrfs.Create(parent, name), Is.Zero);
    }

    private static SafeFileHandle Open(string directory) => Interop.Sys.TryOpen(null, directory, Interop.Sys.ReadDirectoryOnly, out _)!;
}
