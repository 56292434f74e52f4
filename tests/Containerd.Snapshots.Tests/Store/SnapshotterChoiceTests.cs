using Containerd.Conformance;

namespace Containerd.Snapshots;

public class SnapshotterChoiceTests : StoreContentTest
{
    [Test]
    public void On_tmpfs_overlay_and_native_work_and_btrfs_says_why_not()
    {
        string disk = MountTmpfs("disk");
        IReadOnlyList<SnapshotterSupport> support = SnapshotterChoice.Probe(Path.Join(disk, "not/there/yet"));
        Assert.That(support.Select(one => (one.Name, one.IsSupported)), Is.EqualTo(new[] { ("overlay", true), ("btrfs", false), ("native", true) }));
        Assert.That(support[1].Reason, Does.Contain("btrfs").And.Contain($"'{disk}'").And.Not.Contain(".probe"));
        Assert.That(Directory.GetFileSystemEntries(disk), Is.Empty, "nothing is left, and nothing made");
    }

    [Test]
    public async Task On_an_overlay_native_is_chosen_and_the_reasons_are_logged()
    {
        string nested = MountOverlay();
        IReadOnlyList<SnapshotterSupport> support = SnapshotterChoice.Probe(nested);
        Assert.That(support.Select(one => (one.Name, one.IsSupported)), Is.EqualTo(new[] { ("overlay", false), ("btrfs", false), ("native", true) }));
        Assert.That(support[0].Reason, Does.Contain($"Overlay does not work in '{nested}'").And.Contain("lies on an overlay").And.Not.Contain(".probe"));

        var logger = new ListLogger();
        string root = Path.Join(nested, "root");
        await using LocalSnapshotter snapshotter = SnapshotterChoice.Open(new OverlaySnapshotterOptions { Root = root }, logger);
        Assert.That(snapshotter.Name, Is.EqualTo("native"));
        string message = logger.Entries.Single(entry => entry.Id == 3022).Message;
        Assert.That(message, Does.Contain("native").And.Contain(root).And.Contain("overlay: Overlay does not work").And.Contain("btrfs: "));
        await File.WriteAllTextAsync(Path.Join((await snapshotter.PrepareAsync("key"))[0].Source, "file"), "text");
        await snapshotter.CommitAsync("layer", "key");
        Assert.That(Shown(await snapshotter.PrepareAsync("work", "layer")), Is.EqualTo(new[] { "file" }));
    }

    [Test]
    [RequiresProgram("mkfs.btrfs"), RequiresFileSystem("btrfs")]
    public async Task On_btrfs_everything_works_and_overlay_is_the_best()
    {
        string image = Path.Join(DirectoryPath, "image"), disk = Directory.CreateDirectory(Path.Join(DirectoryPath, "disk")).FullName;
        using (FileStream file = File.Create(image))
            file.SetLength(128 << 20);
        Run("mkfs.btrfs", "-q", image);
        Mounter.Mount([new Mount { Type = "btrfs", Source = image, Options = ["loop"] }], disk);
        Assert.That(SnapshotterChoice.Probe(disk).Where(one => !one.IsSupported), Is.Empty);
        string root = Path.Join(disk, "root");
        await using (LocalSnapshotter snapshotter = SnapshotterChoice.Open(new OverlaySnapshotterOptions { Root = root }))
            Assert.That(snapshotter.Name, Is.EqualTo("overlay"));
        string own = Path.Join(disk, "own");
        new BtrfsSnapshotter(own).Dispose();
        await using (LocalSnapshotter snapshotter = SnapshotterChoice.Open(new OverlaySnapshotterOptions { Root = own }))
        {
            Assert.That(snapshotter.Name, Is.EqualTo("btrfs"), "what a store was made with it stays with");
            await File.WriteAllTextAsync(Path.Join((await snapshotter.PrepareAsync("key"))[0].Source, "file"), "text");
            await snapshotter.CommitAsync("layer", "key");
            Assert.That(await snapshotter.VerifyAsync(), Is.Empty);
        }
    }

    [Test, RequiresProgram("mkfs.ext4")]
    public void On_a_file_system_without_types_of_entries_overlay_says_so()
    {
        // As xfs with ftype=0, which kernels no longer have.
        string image = Path.Join(DirectoryPath, "image"), disk = Directory.CreateDirectory(Path.Join(DirectoryPath, "disk")).FullName;
        using (FileStream file = File.Create(image))
            file.SetLength(64 << 20);
        Run("mkfs.ext4", "-q", "-O", "^filetype", image);
        Mounter.Mount([new Mount { Type = "ext4", Source = image, Options = ["loop"] }], disk);
        IReadOnlyList<SnapshotterSupport> support = SnapshotterChoice.Probe(disk);
        Assert.That(support.Select(one => (one.Name, one.IsSupported)), Is.EqualTo(new[] { ("overlay", false), ("btrfs", false), ("native", true) }));
        Assert.That(support[0].Reason, Does.Contain("does not keep the type of directory entries").And.Contain("ftype=1"));
        Assert.That(Directory.GetFileSystemEntries(disk).Select(Path.GetFileName), Is.EqualTo(new[] { "lost+found" }));
    }

    [Test, RequiresProgram("fuse-overlayfs"), RequiresProgram("mount.fuse3"), RequiresFileSystem("fuse")]
    public void On_a_file_system_that_keeps_no_owners_nothing_is_chosen()
    {
        string[] parts = [.. ((string[])["lower", "upper", "work", "disk"]).Select(name => Directory.CreateDirectory(Path.Join(DirectoryPath, name)).FullName)];
        Mount overlay = new OverlayMount { LowerDirectories = [parts[0]], UpperDirectory = parts[1], WorkDirectory = parts[2], Options = ["squash_to_root"] }.ToMount();
        new LinuxMounter(new() { TemporaryDirectory = Path.Join(DirectoryPath, "temporary") }).Mount([overlay with { Type = "fuse3.fuse-overlayfs" }], parts[3]);
        SnapshotterSupport native = SnapshotterChoice.Probe(parts[3])[2];
        Assert.That(native.IsSupported, Is.False);
        Assert.That(native.Reason, Does.Contain($"Native does not work in '{parts[3]}'").And.Contain("owner"));
        Assert.That(Directory.GetFileSystemEntries(parts[3]), Is.Empty);
    }

    [Test]
    public void On_a_full_disk_nothing_is_chosen([Range(2, 11)] int inodes)
    {
        // At some point of trying overlay none is left.
        string disk = Directory.CreateDirectory(Path.Join(DirectoryPath, "disk")).FullName;
        Mounter.Mount([new Mount { Type = "tmpfs", Source = "tmpfs", Options = [$"nr_inodes={inodes}", "mode=0700"] }], disk);
        ContainerdException failure = Assert.Throws<ContainerdException>(() => SnapshotterChoice.Open(new OverlaySnapshotterOptions { Root = disk }).Dispose())!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.ResourceExhausted), failure.Message);
        Assert.That(Directory.GetFileSystemEntries(disk), Is.Empty, "it is nobody's");
    }

    [Test]
    public void In_a_user_namespace_that_may_not_mount_overlay_says_why()
    {
        string disk = MountTmpfs("disk");
        string[] support = InUserNamespace(["--user", "--map-root-user"], "probe", disk);
        Assert.That(support[0], Does.StartWith("overlay False").And.Contain("errno 1)").And.Contain("CAP_SYS_ADMIN in the user namespace that owns the mount namespace"));
        Assert.That(support[2], Does.StartWith("native True"));
        Assert.That(Directory.GetFileSystemEntries(disk), Is.Empty);
    }

    [Test, RequiresKernel(6, 6)]
    public void In_a_user_namespace_directories_can_be_deleted_in_an_overlay_on_tmpfs()
    {
        string disk = MountTmpfs("disk");
        Assert.That(InUserNamespace(["--user", "--map-root-user", "--mount"], "probe", disk)[0], Does.StartWith("overlay True"));
        Assert.That(InUserNamespace(["--user", "--map-root-user", "--mount"], "replace", disk), Is.EqualTo(new[] { "replaced" }));
        Assert.That(InUserNamespace(["--user", "--map-root-user", "--mount"], "without", disk)[0], Does.Contain("Overlay does not work").And.Contain("a directory cannot be deleted and made again"));
    }

    private static string[] InUserNamespace(string[] namespaces, params string[] arguments)
    {
        string output = Run("unshare", [.. namespaces, "dotnet", typeof(Program).Assembly.Location, "mount", .. arguments]);
        return output.Split('\n');
    }

    [Test]
    public async Task A_store_stays_with_the_snapshotter_it_was_made_with()
    {
        new NativeSnapshotter(Root).Dispose();
        var logger = new ListLogger();
        await using LocalSnapshotter snapshotter = SnapshotterChoice.Open(new OverlaySnapshotterOptions { Root = Root }, logger);
        Assert.That(snapshotter.Name, Is.EqualTo("native"));
        Assert.That(logger.Entries.Select(entry => entry.Id), Does.Contain(3021).And.Not.Contain(3022));
        ContainerdException failure = Assert.Throws<ContainerdException>(() => new OverlaySnapshotter(Root))!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(failure.Message, Does.Contain("snapshots.native"));
    }

    [Test]
    public void A_writable_root_is_only_for_overlay()
    {
        ContainerdException failure = Assert.Throws<ContainerdException>(
            () => SnapshotterChoice.Open(new OverlaySnapshotterOptions { Root = Path.Join(MountOverlay(), "root"), WritableRoot = Path.Join(DirectoryPath, "writable") }))!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotSupported));
        Assert.That(failure.Message, Does.Contain("No snapshotter works").And.Contain("Overlay does not work"));
        Assert.That(Directory.Exists(Path.Join(DirectoryPath, "writable")), Is.False);
    }

    [Test]
    public void Where_nothing_can_be_made_nothing_is_chosen()
    {
        string disk = MountTmpfs("disk");
        Run("mount", "-o", "remount,ro", disk);
        ContainerdException failure = Assert.Throws<ContainerdException>(() => SnapshotterChoice.Open(new OverlaySnapshotterOptions { Root = Path.Join(disk, "root") }))!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.PermissionDenied));
        Assert.That(failure.Message, Does.Contain(disk));
    }

    [Test]
    public async Task To_read_only_nothing_is_tried_out()
    {
        string[] before = OnDisk(DirectoryPath);
        ContainerdException failure = Assert.Throws<ContainerdException>(() => SnapshotterChoice.Open(new OverlaySnapshotterOptions { Root = Root, IsReadOnly = true }))!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That(OnDisk(DirectoryPath), Is.EqualTo(before));
        string medium = MountTmpfs("medium"), root = Path.Join(medium, "root");
        new NativeSnapshotter(root).Dispose();
        Run("mount", "-o", "remount,ro", medium);
        await using LocalSnapshotter snapshotter = SnapshotterChoice.Open(new OverlaySnapshotterOptions { Root = root, IsReadOnly = true });
        Assert.That(snapshotter.Name, Is.EqualTo("native"));
    }

    [Test]
    public void Names_are_those_it_knows_the_best_first()
    {
        Assert.That(SnapshotterChoice.Names, Is.EqualTo(new[] { "overlay", "btrfs", "native" }));
        Assert.That(Assert.Throws<ContainerdException>(() => SnapshotterChoice.Open("zfs", new OverlaySnapshotterOptions { Root = Root }))!.Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That(() => SnapshotterChoice.Open(new OverlaySnapshotterOptions()), Throws.InstanceOf<ArgumentException>());
        foreach (string name in SnapshotterChoice.Names.Where(name => name != "btrfs"))
        {
            using LocalSnapshotter snapshotter = SnapshotterChoice.Open(name, new OverlaySnapshotterOptions { Root = Path.Join(DirectoryPath, name) });
            Assert.That(snapshotter.Name, Is.EqualTo(name));
        }
    }

    private string MountOverlay()
    {
        string[] parts = [.. ((string[])["lower", "upper", "work", "nested"]).Select(name => Directory.CreateDirectory(Path.Join(DirectoryPath, name)).FullName)];
        Mounter.Mount([new OverlayMount { LowerDirectories = [parts[0]], UpperDirectory = parts[1], WorkDirectory = parts[2] }.ToMount()], parts[3]);
        return parts[3];
    }
}
