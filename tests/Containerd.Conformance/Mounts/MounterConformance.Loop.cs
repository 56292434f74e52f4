namespace Containerd.Conformance;

public abstract partial class MounterConformance
{
    // More than the 64 bytes that the kernel keeps of a name.
    private const string LongName = "an-image-whose-name-is-longer-than-what-the-kernel-has-room-for-in-its-tables";

    /// <summary>Whether the mounter attaches image files to loop devices.</summary>
    protected virtual bool CanLoop => true;

    /// <summary>An ext4 image.</summary>
    [Test, RequiresFileSystem("ext4"), RequiresProgram("mkfs.ext4")]
    public void LoopMountsExt4() => MountWritableImage("ext4", 64, "mkfs.ext4", "-q", "-F");

    /// <summary>An xfs image.</summary>
    [Test, RequiresFileSystem("xfs"), RequiresProgram("mkfs.xfs")]
    public void LoopMountsXfs() => MountWritableImage("xfs", 320, "mkfs.xfs", "-q");

    /// <summary>A btrfs image.</summary>
    [Test, RequiresFileSystem("btrfs"), RequiresProgram("mkfs.btrfs")]
    public void LoopMountsBtrfs() => MountWritableImage("btrfs", 160, "mkfs.btrfs", "-q");

    /// <summary>An erofs image, without being told that it is read-only.</summary>
    [Test, RequiresFileSystem("erofs"), RequiresProgram("mkfs.erofs")]
    public void LoopMountsErofs()
    {
        string content = NewDirectory("content", "file"), image = Path.Join(NewDirectory("images"), LongName), target = NewDirectory("target");
        Run("mkfs.erofs", image, content);
        MountReadOnlyImage(new Mount { Type = "erofs", Source = image, Options = ["loop"] }, target);
    }

    /// <summary>With <c>ro</c> nothing is written to the image.</summary>
    [Test, RequiresFileSystem("ext4"), RequiresProgram("mkfs.ext4")]
    public void LoopMountsReadOnly()
    {
        string image = NewImage(64, "mkfs.ext4", "-q", "-F"), target = NewDirectory("target");
        Mount mount = new() { Type = "ext4", Source = image, Options = ["loop,noatime"] };
        if (RefusesToLoop(mount, target))
            return;
        Mounter.Mount([mount], target);
        File.WriteAllText(Path.Join(target, "file"), "file");
        Mounter.Unmount(target);
        AssertNoLoopDevice(image);
        File.SetUnixFileMode(image, UnixFileMode.UserRead);
        MountReadOnlyImage(mount with { Options = ["ro", "loop"] }, target);
    }

    /// <summary>An image by direct I/O, which only a loop device has.</summary>
    [Test, RequiresFileSystem("ext4"), RequiresProgram("mkfs.ext4")]
    public void LoopMountsByDirectIo()
    {
        string image = NewImage(64, "mkfs.ext4", "-q", "-F"), target = NewDirectory("target");
        Mount mount = new() { Type = "ext4", Source = image, Options = ["loop", "direct-io"] };
        if (RefusesToLoop(mount, target))
            return;
        Mounter.Mount([mount], target);
        string device = LoopDevicesOf(image).Single();
        Assert.That(File.ReadAllText($"/sys/block/{device}/loop/dio").Trim(), Is.EqualTo("1"));
        Assert.That(File.ReadAllText($"/sys/block/{device}/loop/autoclear").Trim(), Is.EqualTo("1"));
        Assert.That(KindOf(() => Mounter.Mount([mount with { Options = ["direct-io"] }], target)), Is.EqualTo(ErrorKind.InvalidArgument));
    }

    /// <summary>A source that is a device is mounted as it is.</summary>
    [Test, RequiresFileSystem("ext4"), RequiresProgram("mkfs.ext4")]
    public void LoopOfADeviceIsTheDevice()
    {
        string image = NewImage(64, "mkfs.ext4", "-q", "-F"), first = NewDirectory("first"), second = NewDirectory("second");
        Mount mount = new() { Type = "ext4", Source = image, Options = ["loop"] };
        if (RefusesToLoop(mount, first))
            return;
        Mounter.Mount([mount], first);
        string device = LoopDevicesOf(image).Single();
        Mounter.Mount([mount with { Source = $"/dev/{device}" }], second);
        File.WriteAllText(Path.Join(first, "file"), "");
        Assert.That(File.Exists(Path.Join(second, "file")));
        Mounter.Unmount(first);
        Mounter.Mount([mount with { Source = $"/dev/{device}", Options = [] }], first);
        Assert.That(File.Exists(Path.Join(first, "file")));
        Mounter.Unmount(first);
        Mounter.Unmount(second);
        AssertNoLoopDevice(image);
    }

    /// <summary>What cannot be mounted leaves no device attached.</summary>
    [Test, RequiresFileSystem("ext4"), RequiresProgram("mkfs.ext4")]
    public void FailedLoopLeavesNoDevice()
    {
        string target = NewDirectory("target"), garbage = Path.Join(NewDirectory("images"), "garbage"), fifo = Path.Join(NewDirectory("images"), "fifo");
        using (FileStream file = File.Create(garbage))
            file.SetLength(1 << 20);
        Run("mkfifo", fifo);
        var mount = new Mount { Type = "ext4", Source = garbage, Options = ["loop"] };
        if (RefusesToLoop(mount, target))
            return;
        Assert.Multiple(() =>
        {
            Assert.That(KindOf(() => Mounter.Mount([mount], target)), Is.EqualTo(ErrorKind.InvalidArgument), "no file system");
            Assert.That(KindOf(() => Mounter.Mount([mount with { Source = garbage + "-missing" }], target)), Is.EqualTo(ErrorKind.NotFound), "no file");
            Assert.That(KindOf(() => Mounter.Mount([mount with { Source = fifo }], target)), Is.EqualTo(ErrorKind.InvalidArgument), "fifo");
            Assert.That(KindOf(() => Mounter.Mount([mount with { Source = target }], target)), Is.EqualTo(ErrorKind.InvalidArgument), "directory");
        });
        string image = NewImage(64, "mkfs.ext4", "-q", "-F");
        Mount[] mounts = [mount with { Source = image }, Tmpfs() with { Target = "missing" }];
        Assert.That(KindOf(() => Mounter.Mount(mounts, target)), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(KindOf(() => Mounter.Mount([mount with { Source = image, Options = ["loop", "nosuchoption"] }], target)), Is.EqualTo(ErrorKind.InvalidArgument));
        AssertNoLoopDevice(garbage);
        AssertNoLoopDevice(image);
        Assert.That(MountsBeneath(target), Is.Empty);
    }

    /// <summary>Threads that take free devices at the same time all get one.</summary>
    [Test, RequiresFileSystem("ext4"), RequiresProgram("mkfs.ext4")]
    public async Task LoopDevicesAreNotFoughtFor()
    {
        if (!CanLoop)
            return;
        string[] images = [.. Enumerable.Range(0, 6).Select(i => NewNamedImage($"image-{i}", 16, "mkfs.ext4", "-q", "-F"))];
        await Task.WhenAll(images.Select((image, i) => Task.Run(() =>
        {
            string target = NewDirectory($"target-{i}");
            for (int round = 0; round < 5; round++)
            {
                Mounter.Mount([new Mount { Type = "ext4", Source = image, Options = ["loop"] }], target);
                File.WriteAllText(Path.Join(target, $"{i}"), "");
                Assert.That(Directory.GetFiles(target), Has.Length.EqualTo(1));
                Mounter.Unmount(target);
            }
        })));
        foreach (string image in images)
            AssertNoLoopDevice(image);
    }

    /// <summary>A loop device that keeps a mount busy is named.</summary>
    [Test, RequiresFileSystem("ext4"), RequiresProgram("mkfs.ext4")]
    public void BusyMountsNameTheLoopDeviceThatHoldsThem()
    {
        string images = NewTmpfs("images"), target = NewDirectory("target");
        string image = NewImage(64, "mkfs.ext4", "-q", "-F");
        Mount mount = new() { Type = "ext4", Source = image, Options = ["loop"] };
        if (RefusesToLoop(mount, target))
            return;
        Mounter.Mount([mount], target);
        ContainerdException busy = Assert.Throws<ContainerdException>(() => Mounter.Unmount(images))!;
        Assert.That(busy.Kind, Is.EqualTo(ErrorKind.Unavailable));
        Assert.That(busy.Message, Does.Contain($"/dev/{LoopDevicesOf(image).Single()}"));
    }

    private void MountWritableImage(string type, int mebibytes, string program, params string[] arguments)
    {
        string image = NewImage(mebibytes, program, arguments), target = NewDirectory("target");
        Mount mount = new() { Type = type, Source = image, Options = ["loop"] };
        if (RefusesToLoop(mount, target))
            return;
        Mounter.Mount([mount], target);
        File.WriteAllText(Path.Join(target, "file"), "file");
        Mounter.Unmount(target);
        AssertNoLoopDevice(image);
        if (!RefusesToDetach(mount))
        {
            using IDetachedMount tree = Mounter.MountDetached([mount]);
            Assert.That(File.ReadAllText(Path.Join(tree.Path, "file")), Is.EqualTo("file"));
        }
        AssertNoLoopDevice(image);
    }

    private void MountReadOnlyImage(Mount mount, string target)
    {
        if (RefusesToLoop(mount, target))
            return;
        Mounter.Mount([mount], target);
        Assert.That(File.ReadAllText(Path.Join(target, "file")), Is.EqualTo("file"));
        AssertReadOnly(target);
        Assert.That(File.ReadAllText($"/sys/block/{LoopDevicesOf(mount.Source).Single()}/ro").Trim(), Is.EqualTo("1"), "the device too");
        Mounter.Unmount(target);
        AssertNoLoopDevice(mount.Source);
    }

    private string NewImage(int mebibytes, string program, params string[] arguments) => NewNamedImage(LongName, mebibytes, program, arguments);

    private string NewNamedImage(string name, int mebibytes, string program, params string[] arguments)
    {
        string image = Path.Join(NewDirectory("images"), name);
        using (FileStream file = File.Create(image))
            file.SetLength((long)mebibytes << 20);
        Run(program, [.. arguments, image]);
        return image;
    }

    private bool RefusesToLoop(Mount mount, string target)
    {
        if (CanLoop)
            return false;
        Assert.That(KindOf(() => Mounter.Mount([mount], target)), Is.EqualTo(ErrorKind.NotSupported));
        return true;
    }

    // The last close of the device frees it, which may be one that a look at it (udev, blkid) has open for a moment.
    private static void AssertNoLoopDevice(string image) => Assert.That(() => LoopDevicesOf(image), Is.Empty.After(5000, 20));

    private static List<string> LoopDevicesOf(string image) => [.. Directory.GetDirectories("/sys/block", "loop*")
        .Where(device => File.Exists($"{device}/loop/backing_file") && TextOf($"{device}/loop/backing_file").TrimEnd('\n') == image)
        .Select(device => Path.GetFileName(device))];

    private static string TextOf(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return ""; // it lost its image between the two looks
        }
    }
}
