using System.Collections.Immutable;
using System.Diagnostics;
using Containerd.Conformance;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

[RequiresRoot, RequiresFileSystem("overlay")]
public class LinuxMounterTests
{
    private string _directory = "";

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("linux-mounter-").FullName;

    [TearDown]
    public void DeleteDirectory()
    {
        new LinuxMounter().Unmount(_directory, UnmountOptions.Recursive | UnmountOptions.Lazy);
        Directory.Delete(_directory, recursive: true);
    }

    [TestCase(MountApi.Auto)]
    [TestCase(MountApi.Descriptor)]
    [TestCase(MountApi.Mount2)]
    public void Two_hundred_layers_with_long_paths_mount(MountApi api)
    {
        string target = Directory.CreateDirectory(Path.Join(_directory, "target")).FullName;
        OverlayMount overlay = NewOverlay(200, new string('x', 120));
        Assert.That(overlay.ToMount().Options.Sum(option => option.Length), Is.GreaterThan(4096));

        MounterOf(api).Mount([overlay.ToMount()], target);
        Assert.That(Directory.GetFiles(target), Has.Length.EqualTo(200));
        File.WriteAllText(Path.Join(target, "new"), "");
        Assert.That(File.Exists(Path.Join(overlay.UpperDirectory, "new")));
    }

    [Test]
    public void More_layers_than_a_page_holds_are_refused_with_the_reason_by_mount2_alone()
    {
        string target = Directory.CreateDirectory(Path.Join(_directory, "target")).FullName;
        Mount mount = NewOverlay(400, new string('x', 60)).ToMount();
        ContainerdException failure = Assert.Throws<ContainerdException>(() => MounterOf(MountApi.Mount2).Mount([mount], target))!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.ResourceExhausted));
        Assert.That(failure.Message, Does.Contain("4095"));
        Assert.That(() => new LinuxMounter().Mount([mount], target), Throws.Nothing);
        Assert.That(Directory.GetFiles(target), Has.Length.EqualTo(400));
    }

    [TestCase("Paths", 200, 120)]
    [TestCase("Paths", 5, 240)]
    [TestCase("OneValue", 8, 120)]
    public void Older_kernels_are_told_the_layers_in_older_forms(string form, int layers, int padding)
    {
        var mounter = new LinuxMounter(new() { Api = MountApi.Descriptor }) { Limits = new() { NewestOverlayForm = Enum.Parse<OverlayForm>(form) } };
        OverlayMount overlay = NewOverlay(layers, new string('x', padding));
        using IDetachedMount tree = mounter.MountDetached([overlay.ToMount()]);
        Assert.That(Directory.GetFiles(tree.Path), Has.Length.EqualTo(layers));
        File.WriteAllText(Path.Join(tree.Path, "new"), "");
        Assert.That(File.Exists(Path.Join(overlay.UpperDirectory, "new")));
    }

    [TestCase(3, MountApi.Descriptor)]
    [TestCase(3, MountApi.Auto)]
    [TestCase(60, MountApi.Auto)]
    public void An_overlay_that_reads_its_options_late_is_told_them_as_one_text(int layers, MountApi api)
    {
        string target = Directory.CreateDirectory(Path.Join(_directory, "target")).FullName;
        var mounter = new LinuxMounter(new() { Api = api }) { Limits = new() { ReadsOverlayOptionsLate = true } };
        OverlayMount overlay = NewOverlay(layers, "x,:y");
        mounter.Mount([overlay.ToMount()], target);
        Assert.That(Directory.GetFiles(target), Has.Length.EqualTo(layers));
        File.WriteAllText(Path.Join(target, "new"), "");
        Assert.That(File.Exists(Path.Join(overlay.UpperDirectory, "new")));
    }

    [TestCase(MountApi.Auto)]
    [TestCase(MountApi.Descriptor)]
    public void More_layers_than_the_kernel_takes_are_refused_in_its_words(MountApi api)
    {
        ContainerdException failure = Assert.Throws<ContainerdException>(() => MounterOf(api).Mount([NewOverlay(501, "x").ToMount()], _directory))!;
        Assert.That(failure.Message, Does.Contain("limit is 500"));
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.InvalidArgument));
    }

    [Test]
    public void What_fsconfig_does_not_hold_is_mounted_by_mount2()
    {
        string target = Directory.CreateDirectory(Path.Join(_directory, "target")).FullName;
        Mount manyLayers = NewOverlay(100, "x").ToMount();
        Mount longSource = new() { Type = "tmpfs", Source = new string('s', 300) };
        foreach (Mount mount in new[] { manyLayers, longSource })
        {
            ContainerdException failure = Assert.Throws<ContainerdException>(
                () => new LinuxMounter(new() { Api = MountApi.Descriptor }) { Limits = new() { NewestOverlayForm = OverlayForm.OneValue } }.Mount([mount], target))!;
            Assert.That(failure.Kind, Is.EqualTo(ErrorKind.ResourceExhausted));
            Assert.That(MountTable.Read().At(target), Is.Empty);
            new LinuxMounter(new() { TemporaryDirectory = Path.Join(_directory, "temporary") }) { Limits = new() { NewestOverlayForm = OverlayForm.OneValue } }.Mount([mount], target);
            Assert.That(MountTable.Read().At(target), Has.Count.EqualTo(1));
            new LinuxMounter().Unmount(target);
        }
    }

    [Test]
    public void The_kernels_own_words_are_in_the_message()
    {
        ContainerdException failure = Assert.Throws<ContainerdException>(() => new LinuxMounter(new() { Api = MountApi.Descriptor })
            .MountDetached([new Mount { Type = "tmpfs", Source = "tmpfs", Options = ["sise=1m"] }]))!;
        Assert.That(failure.Message, Does.Contain("Unknown parameter 'sise'"));
        Assert.That(failure.Errno, Is.EqualTo(22));
    }

    [TestCase("loop=/dev/loop0", ErrorKind.NotSupported)]
    [TestCase("X-containerd.mkdir.path=/a", ErrorKind.NotSupported)]
    [TestCase("direct-io", ErrorKind.InvalidArgument)]
    public void What_cannot_be_is_refused_before_anything_is_mounted(string option, ErrorKind kind)
    {
        Mount[] mounts = [new() { Type = "tmpfs", Source = "tmpfs" }, new() { Type = "ext4", Source = "image", Options = [option] }];
        ContainerdException failure = Assert.Throws<ContainerdException>(() => new LinuxMounter().Mount(mounts, _directory))!;
        Assert.That(failure.Kind, Is.EqualTo(kind));
        Assert.That(MountTable.Read().At(_directory), Is.Empty);
    }

    [Test]
    public void Types_that_have_to_be_transformed_are_refused() =>
        Assert.That(
            () => new LinuxMounter().MountDetached([new Mount { Type = "format/overlay", Source = "x" }]),
            Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(ErrorKind.NotSupported));

    [Test]
    public void A_remount_changes_the_mount_and_stands_alone()
    {
        var mounter = new LinuxMounter();
        var tmpfs = new Mount { Type = "tmpfs", Source = "tmpfs" };
        mounter.Mount([tmpfs], _directory);
        mounter.Mount([tmpfs with { Options = ["remount", "ro"] }], _directory);
        Assert.That(() => File.WriteAllText(Path.Join(_directory, "file"), ""), Throws.InstanceOf<IOException>());
        Assert.That(
            () => mounter.Mount([tmpfs, tmpfs with { Options = ["remount", "rw"] }], _directory),
            Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(ErrorKind.InvalidArgument));
    }

    [Test]
    public void A_remount_lifts_only_what_it_names()
    {
        var mounter = new LinuxMounter();
        var tmpfs = new Mount { Type = "tmpfs", Source = "tmpfs", Options = ["nosuid", "nodev", "noexec", "noatime"] };
        mounter.Mount([tmpfs], _directory);
        mounter.Mount([tmpfs with { Options = ["remount", "ro", "exec"] }], _directory);
        Assert.That(OptionsOf(_directory), Is.EquivalentTo(new[] { "ro", "nosuid", "nodev", "noatime" }));
        mounter.Mount([tmpfs with { Options = ["remount", "dev", "relatime"] }], _directory);
        Assert.That(OptionsOf(_directory), Is.EquivalentTo(new[] { "ro", "nosuid", "relatime" }));

        string bound = Directory.CreateTempSubdirectory("bound-").FullName;
        try
        {
            mounter.Mount([tmpfs with { Options = ["remount", "rw"] }], _directory);
            mounter.Mount([Mount.Bind(_directory, readOnly: true)], bound);
            mounter.Mount([new Mount { Type = "none", Source = "", Options = ["remount", "bind", "nodev"] }], bound);
            Assert.That(OptionsOf(bound), Is.EquivalentTo(new[] { "ro", "nosuid", "nodev", "relatime" }));
            mounter.Mount([tmpfs with { Options = ["remount", "noexec"] }], bound);
            File.WriteAllText(Path.Join(_directory, "file"), "the file system is as it was");
        }
        finally
        {
            mounter.Unmount(bound);
            Directory.Delete(bound);
        }

        static string[] OptionsOf(string path) => File.ReadLines("/proc/self/mountinfo").Last(line => line.Split(' ')[4] == path).Split(' ')[5].Split(',');
    }

    [Test]
    public void Taking_back_never_takes_what_another_has_mounted_on_top()
    {
        var mounter = new LinuxMounter();
        var tmpfs = new Mount { Type = "tmpfs", Source = "tmpfs" };
        mounter.Mount([tmpfs], _directory);
        using SafeFileHandle mine = MountPlace.OpenTarget(_directory);
        mounter.Mount([tmpfs], _directory);
        using (SafeFileHandle others = MountPlace.OpenTarget(_directory))
        {
            int[] mounts = [MountTable.IdOf(mine), MountTable.IdOf(others)];
            ContainerdException failure = Assert.Throws<ContainerdException>(() => MountPlace.Rollback([mine], new InvalidDataException("broken.")))!;
            Assert.That(failure.Message, Does.StartWith("broken.").And.Contain("still mounted"));
            Assert.That(MountTable.Read().At(_directory).Select(entry => entry.Id), Is.EquivalentTo(mounts));
        }
        mounter.Unmount(_directory, UnmountOptions.Lazy);
    }

    [Test]
    public void Who_is_in_what_a_mount_covers_is_not_named_as_its_holder()
    {
        using Process beneath = Process.Start(new ProcessStartInfo("sleep", ["60"]) { WorkingDirectory = _directory })!;
        try
        {
            var mounter = new LinuxMounter(new() { BusyTimeout = TimeSpan.Zero });
            mounter.Mount([new Mount { Type = "tmpfs", Source = "tmpfs" }], _directory);
            using Process holder = Process.Start(new ProcessStartInfo("sleep", ["60"]) { WorkingDirectory = _directory })!;
            ContainerdException busy = Assert.Throws<ContainerdException>(() => mounter.Unmount(_directory))!;
            Assert.That(busy.Message, Does.Contain($"(process {holder.Id})").And.Not.Contain($"(process {beneath.Id})"));
            holder.Kill();
            holder.WaitForExit();
            mounter.Unmount(_directory);
        }
        finally
        {
            beneath.Kill();
            beneath.WaitForExit();
        }
    }

    [Test]
    public void A_locked_mount_is_not_taken_for_none()
    {
        new LinuxMounter().Mount([new Mount { Type = "tmpfs", Source = "tmpfs" }], _directory);
        Assert.That(RunInUserNamespace("unmount", _directory), Does.StartWith("PermissionDenied").And.Contain("locked"));
        Assert.That(RunInUserNamespace("unmount", Path.Join(_directory, "..")), Is.Empty, "no mount is there");
    }

    [Test]
    public void The_root_directory_is_never_unmounted()
    {
        // The kernel would make its file system read-only, so the root is one of the test's own.
        var mounter = new LinuxMounter();
        mounter.Mount([new Mount { Type = "tmpfs", Source = "tmpfs" }], _directory);
        string runtime = Path.GetDirectoryName(Environment.ProcessPath)!;
        foreach (string needed in new[] { "/usr", "/lib", "/lib64", "/etc", "/dev", "/proc", runtime, AppContext.BaseDirectory }.Where(Directory.Exists))
            mounter.Mount([Mount.Bind(needed)], Directory.CreateDirectory(Path.Join(_directory, needed)).FullName);
        string output = Run("chroot", _directory, Environment.ProcessPath!, typeof(Program).Assembly.Location, "mount", "unmount", "/usr/../.");
        Assert.That(output, Does.StartWith("InvalidArgument").And.Contain("root directory"));
        File.WriteAllText(Path.Join(_directory, "file"), "it can be written to");
    }

    [Test]
    public void Kernel_file_systems_without_a_source_mount()
    {
        using IDetachedMount proc = new LinuxMounter().MountDetached([new Mount { Type = "proc", Source = "proc", Options = ["nosuid", "nodev", "noexec"] }]);
        Assert.That(File.ReadAllText(Path.Join(proc.Path, "self/comm")), Is.Not.Empty);
        using IDetachedMount sysfs = new LinuxMounter().MountDetached([new Mount { Type = "sysfs", Source = "sysfs", Options = ["ro"] }]);
        Assert.That(Directory.Exists(Path.Join(sysfs.Path, "kernel")));
    }

    [Test]
    public void A_failed_overlay_leaves_no_open_file()
    {
        int before = Directory.GetFiles("/proc/self/fd").Length;
        OverlayMount overlay = NewOverlay(3, "x") with { Options = ["nosuchoption"] };
        foreach (MountApi api in Enum.GetValues<MountApi>())
            Assert.That(() => MounterOf(api).Mount([overlay.ToMount()], _directory), Throws.InstanceOf<ContainerdException>());
        Assert.That(Directory.GetFiles("/proc/self/fd"), Has.Length.LessThanOrEqualTo(before + 2));
    }

    [Test]
    public void Mount2_acts_on_the_mount_it_made_wherever_its_place_is_moved()
    {
        // As a container may whose root the mounts go into: of it, and of nobody else's, the restrictions have to be.
        string target = Directory.CreateDirectory(Path.Join(_directory, "target")).FullName, moved = Path.Join(_directory, "moved");
        string source = Directory.CreateDirectory(Path.Join(_directory, "source")).FullName;
        using SafeFileHandle place = MountPlace.OpenTarget(target);
        Directory.Move(target, moved);
        Directory.CreateDirectory(target);
        new LinuxMounter().Mount([new Mount { Type = "tmpfs", Source = "tmpfs" }], target);
        var attached = new List<SafeFileHandle>();
        new ClassicMounts(new MountSettings(KernelLimits.None, new TemporaryMounts(Path.Join(_directory, "temporary"), null)))
            .MountAt(MountRequest.ParseAll([Mount.Bind(source, readOnly: true)])[0], place, attached);
        attached.ForEach(mount => mount.Dispose());
        Assert.That(() => File.WriteAllText(Path.Join(moved, "file"), ""), Throws.InstanceOf<IOException>());
        Assert.That(() => File.WriteAllText(Path.Join(target, "file"), ""), Throws.Nothing);
    }

    [TestCase(MountApi.Descriptor)]
    [TestCase(MountApi.Mount2)]
    public void A_directory_that_is_named_by_its_handle_is_mounted_on(MountApi api)
    {
        string target = Directory.CreateDirectory(Path.Join(_directory, "target")).FullName, source = Directory.CreateDirectory(Path.Join(_directory, "source")).FullName;
        using SafeFileHandle place = MountPlace.OpenTarget(target);
        MounterOf(api).Mount([Mount.Bind(source, readOnly: true)], Interop.Sys.PathOf(place));
        Assert.That(() => File.WriteAllText(Path.Join(target, "file"), ""), Throws.InstanceOf<IOException>());
        Assert.That(MountTable.Read().At(target), Has.Count.EqualTo(1));
    }

    [TestCase(MountApi.Descriptor)]
    [TestCase(MountApi.Mount2)]
    public void A_recursive_bind_is_read_only_also_where_mounts_cover_each_other(MountApi api)
    {
        string inner = Directory.CreateDirectory(Path.Join(_directory, "source/inner")).FullName, target = Directory.CreateDirectory(Path.Join(_directory, "target")).FullName;
        var mounter = MounterOf(api);
        for (int i = 0; i < 2; i++)
            mounter.Mount([new Mount { Type = "tmpfs", Source = "tmpfs" }], inner);
        mounter.Mount([Mount.Bind(Path.Join(_directory, "source"), readOnly: true)], target);
        string shown = Path.Join(target, "inner");
        Assert.That(() => File.WriteAllText(Path.Join(shown, "file"), ""), Throws.InstanceOf<IOException>());
        Assert.That(Interop.Sys.Unmount(shown, 0), Is.Zero);
        Assert.That(MountTable.Read().At(shown), Has.Count.EqualTo(1));
        Assert.That(() => File.WriteAllText(Path.Join(shown, "file"), ""), Throws.InstanceOf<IOException>());
    }

    [TestCase(UnmountOptions.None)]
    [TestCase(UnmountOptions.Recursive)]
    public void What_is_unmounted_is_not_what_its_path_leads_to_by_then(UnmountOptions options)
    {
        string parent = Path.Join(_directory, "parent"), target = Directory.CreateDirectory(Path.Join(parent, "target")).FullName, moved = Path.Join(_directory, "moved");
        var tmpfs = new Mount { Type = "tmpfs", Source = "tmpfs" };
        new LinuxMounter().Mount([tmpfs], target);
        FileStream held = File.Create(Path.Join(target, "held"));
        int looks = 0;
        // The first look at the clock is before any attempt, the second when the mount has been found busy.
        var clock = new ActingClock(() =>
        {
            if (++looks != 2)
                return;
            Directory.Move(parent, moved);
            Directory.CreateDirectory(target);
            new LinuxMounter().Mount([tmpfs], target);
            held.Dispose();
        });
        new LinuxMounter(new() { BusyTimeout = TimeSpan.FromSeconds(10) }, clock).Unmount(target, options);
        Assert.That(looks, Is.GreaterThanOrEqualTo(2));
        Assert.That(MountTable.Read().At(target), Has.Count.EqualTo(1), "another mount");
        Assert.That(MountTable.Read().At(moved), Has.Count.EqualTo(0));
    }

    private sealed class ActingClock(Action act) : TimeProvider
    {
        public override long GetTimestamp()
        {
            act();
            return base.GetTimestamp();
        }
    }

    [TestCase(false)]
    [TestCase(true)]
    [RequiresFileSystem("ramfs"), RequiresProgram("mkfs.ext4")]
    public void Direct_io_that_an_image_does_not_take_is_refused(bool inSteps)
    {
        // A file system without direct I/O; the kernel attaches such an image all the same.
        string ramfs = Directory.CreateDirectory(Path.Join(_directory, "ramfs")).FullName, image = Path.Join(ramfs, "image"), target = Directory.CreateDirectory(Path.Join(_directory, "target")).FullName;
        var mounter = new LinuxMounter { Limits = new() { ConfiguresLoopsInSteps = inSteps } };
        mounter.Mount([new Mount { Type = "ramfs", Source = "ramfs" }], ramfs);
        using (FileStream content = File.Create(image))
            content.SetLength(16 << 20);
        using (Process mkfs = Process.Start(new ProcessStartInfo("mkfs.ext4", ["-q", image]))!)
            mkfs.WaitForExit();
        var mount = new Mount { Type = "ext4", Source = image, Options = ["loop", "direct-io"] };
        ContainerdException failure = Assert.Throws<ContainerdException>(() => mounter.Mount([mount], target))!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.InvalidArgument));
        Assert.That(failure.Message, Does.Contain("direct I/O"));
        mounter.Mount([mount with { Options = ["loop"] }], target);
    }

    [TestCase(MountApi.Descriptor)]
    [TestCase(MountApi.Mount2)]
    public void Layers_on_overlays_are_named_where_the_kernel_refuses_them(MountApi api)
    {
        string[] names = ["a", "b", "one", "two", "three"];
        string[] paths = [.. names.Select(name => Directory.CreateDirectory(Path.Join(_directory, name)).FullName)];
        var mounter = MounterOf(api);
        mounter.Mount([new OverlayMount { LowerDirectories = [paths[0], paths[1]] }.ToMount()], paths[2]);
        mounter.Mount([new OverlayMount { LowerDirectories = [paths[1], paths[2]] }.ToMount()], paths[3]);
        ContainerdException failure = Assert.Throws<ContainerdException>(
            () => mounter.Mount([new OverlayMount { LowerDirectories = [paths[1], paths[3]] }.ToMount()], paths[4]))!;
        Assert.That(failure.Message, Does.Contain($"'{paths[3]}' lies on an overlay").And.Not.Contain($"'{paths[1]}' lies"));
    }

    [TestCase(MountApi.Descriptor)]
    [TestCase(MountApi.Mount2)]
    public void A_target_that_leads_to_the_root_of_the_tree_is_its_root(MountApi api)
    {
        string root = Directory.CreateDirectory(Path.Join(_directory, "root")).FullName, target = Directory.CreateDirectory(Path.Join(_directory, "target")).FullName;
        Directory.CreateDirectory(Path.Join(root, "mnt"));
        var mounter = MounterOf(api);
        var tmpfs = new Mount { Type = "tmpfs", Source = "tmpfs" };
        mounter.Mount([tmpfs, Mount.Bind(root) with { Target = "./" }, tmpfs with { Target = "mnt" }], target);
        Assert.That(MountTable.Read().At(target).Select(entry => entry.Path), Is.EqualTo(new[] { Path.Join(target, "mnt"), target, target }));
    }

    [Test, RequiresProgram("fuse-overlayfs"), RequiresProgram("fusermount3"), RequiresFileSystem("fuse")]
    public void A_helper_is_not_told_the_target_which_others_may_lead_elsewhere()
    {
        foreach (MountApi api in Enum.GetValues<MountApi>())
        {
            string target = Directory.CreateDirectory(Path.Join(_directory, $"target-{api}")).FullName;
            LinuxMounter mounter = MounterOf(api);
            mounter.Mount([NewOverlay(1, $"x{api}").ToMount() with { Type = "fuse3.fuse-overlayfs" }], target);
            Assert.That(File.Exists(Path.Join(target, "file-0")));
            Assert.That(MountTable.Read().At(target).Single().Type, Does.StartWith("fuse"));
            string[] commands = [.. Directory.GetDirectories("/proc").Select(process => Path.Join(process, "cmdline")).Where(File.Exists).Select(TextOf)];
            Assert.That(commands, Has.Some.Contains($"x{api}-upper"));
            Assert.That(commands, Has.None.Contains(target + "\0"));
            mounter.Unmount(target);
        }

        static string TextOf(string path)
        {
            try
            {
                return File.ReadAllText(path);
            }
            catch (IOException)
            {
                return ""; // it has ended
            }
        }
    }

    [TestCase(MountApi.Descriptor)]
    [TestCase(MountApi.Mount2)]
    public void A_read_only_bind_is_read_only_wherever_it_propagates_to(MountApi api)
    {
        string shared = Directory.CreateDirectory(Path.Join(_directory, "shared")).FullName, peer = Directory.CreateDirectory(Path.Join(_directory, "peer")).FullName;
        var mounter = MounterOf(api);
        mounter.Mount([new Mount { Type = "tmpfs", Source = "tmpfs", Options = ["shared"] }], shared);
        mounter.Mount([new Mount { Type = "bind", Source = shared, Options = ["bind"] }], peer);
        string target = Directory.CreateDirectory(Path.Join(shared, "target")).FullName;
        mounter.Mount([Mount.Bind(Directory.CreateDirectory(Path.Join(_directory, "source")).FullName, readOnly: true)], target);
        Assert.That(MountTable.Read().At(peer), Has.Count.EqualTo(2));
        foreach (string shown in (string[])[target, Path.Join(peer, "target")])
            Assert.That(() => File.WriteAllText(Path.Join(shown, "file"), ""), Throws.InstanceOf<IOException>());
    }

    [TestCase(MountApi.Descriptor)]
    [TestCase(MountApi.Mount2)]
    public void Mounts_are_made_beside_each_other(MountApi api)
    {
        string source = Directory.CreateDirectory(Path.Join(_directory, "source")).FullName;
        LinuxMounter mounter = MounterOf(api);
        Parallel.For(0, 64, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            string target = Directory.CreateDirectory(Path.Join(_directory, $"target-{i}")).FullName;
            mounter.Mount([Mount.Bind(source, readOnly: true)], target);
            Assert.That(() => File.WriteAllText(Path.Join(target, "file"), ""), Throws.InstanceOf<IOException>());
            mounter.Unmount(target, i % 2 == 0 ? UnmountOptions.None : UnmountOptions.Recursive);
            Assert.That(MountTable.Read().At(target), Is.Empty);
        });
    }

    // Never in the machine's own directory for temporary mounts, which would stay.
    private LinuxMounter MounterOf(MountApi api) => new(new() { Api = api, TemporaryDirectory = Path.Join(_directory, "temporary") });

    private OverlayMount NewOverlay(int layers, string padding)
    {
        var lower = ImmutableArray.CreateBuilder<string>();
        for (int i = 0; i < layers; i++)
        {
            lower.Add(Directory.CreateDirectory(Path.Join(_directory, $"{padding}-{i}")).FullName);
            File.WriteAllText(Path.Join(lower[i], $"file-{i}"), "");
        }
        return new OverlayMount
        {
            LowerDirectories = lower.ToImmutable(),
            UpperDirectory = Directory.CreateDirectory(Path.Join(_directory, $"{padding}-upper")).FullName,
            WorkDirectory = Directory.CreateDirectory(Path.Join(_directory, $"{padding}-work")).FullName,
        };
    }

    [TestCase(MountApi.Descriptor)]
    [TestCase(MountApi.Mount2)]
    public void Flags_that_a_user_namespace_locks_stay(MountApi api)
    {
        string source = Directory.CreateDirectory(Path.Join(_directory, "source")).FullName, target = Directory.CreateDirectory(Path.Join(_directory, "target")).FullName;
        new LinuxMounter().Mount([new Mount { Type = "tmpfs", Source = "tmpfs", Options = ["nosuid", "nodev", "noexec", "noatime"] }], source);
        string output = RunInUserNamespace("restrict", source, target, api.ToString());
        Assert.That(output.Trim().Split(','), Is.SupersetOf(new[] { "ro", "nosuid", "nodev", "noexec", "noatime" }));
    }

    [TestCase("10", "65534 65534"), RequiresKernel(6, 15)]
    [TestCase("0", "ResourceExhausted")]
    public void Ids_are_mapped_in_a_user_namespace_too_where_that_may_make_another(string limit, string expected)
    {
        string output = RunInUserNamespace("map", _directory, limit);
        Assert.That(output, Does.StartWith(expected));
        if (limit == "0")
            Assert.That(output, Does.Contain("user.max_user_namespaces"));
    }

    private static string RunInUserNamespace(params string[] arguments) =>
        Run("unshare", ["--user", "--map-root-user", "--mount", "dotnet", typeof(Program).Assembly.Location, "mount", .. arguments]);

    private static string Run(string program, params string[] arguments)
    {
        using Process child = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        string output = child.StandardOutput.ReadToEnd(), error = child.StandardError.ReadToEnd();
        child.WaitForExit();
        Assert.That(child.ExitCode, Is.Zero, error);
        return output;
    }

    [Test, RequiresProgram("fuse-overlayfs"), RequiresProgram("fusermount3"), RequiresFileSystem("fuse")]
    public void A_fuse_mount_goes_by_the_helper_too()
    {
        string target = Directory.CreateDirectory(Path.Join(_directory, "target")).FullName;
        MounterOf(MountApi.Auto).Mount([NewOverlay(1, "x").ToMount() with { Type = "fuse3.fuse-overlayfs" }], target);
        Assert.That(FuseUnmounting.IsFuse(target));
        Assert.That(FuseUnmounting.IsFuse(_directory), Is.False);
        Assert.That(FuseUnmounting.Unmount(target, lazily: false), Is.Null);
        Assert.That(MountTable.Read().At(target), Is.Empty);
        Assert.That(FuseUnmounting.Unmount(target, lazily: true), Does.Contain("fusermount"));
    }

    [Test]
    public void A_missing_helper_is_named_with_its_package()
    {
        Assert.That(HelperProgram.Find("mount.no-such-helper"), Is.Null);
        var helper = new FuseHelper(["mount.no-such-helper"], "x");
        MountRequest request = MountRequest.ParseAll([new Mount { Type = "fuse.x", Source = "x" }])[0];
        ContainerdException failure = Assert.Throws<ContainerdException>(() => helper.Mount(request, _directory))!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotSupported));
        Assert.That(failure.Message, Does.Contain("fuse3"));
    }

    [Test]
    public void A_helper_that_takes_too_long_is_killed_and_what_it_says_is_bounded()
    {
        (int? exitCode, string error) = HelperProgram.Run("/bin/sh", ["-c", "yes no | head -c 1000000 >&2; sleep 60"], TimeSpan.FromSeconds(1));
        Assert.That(exitCode, Is.Null);
        Assert.That(error, Has.Length.InRange(1000, 2100));
    }

    [Test, RequiresFileSystem("squashfs"), RequiresProgram("mksquashfs")]
    public void A_squashfs_image_is_mounted()
    {
        string content = Directory.CreateDirectory(Path.Join(_directory, "content")).FullName, image = Path.Join(_directory, "image");
        File.WriteAllText(Path.Join(content, "file"), "");
        using Process tool = Process.Start(new ProcessStartInfo("mksquashfs", [content, image, "-quiet", "-no-progress"]))!;
        tool.WaitForExit();
        foreach (MountApi api in Enum.GetValues<MountApi>())
        {
            using IDetachedMount tree = MounterOf(api)
                .MountDetached([new Mount { Type = "squashfs", Source = image, Options = ["loop"] }]);
            Assert.That(File.Exists(Path.Join(tree.Path, "file")));
        }
    }
}
