namespace Containerd.Conformance;

public abstract partial class MounterConformance
{
    /// <summary>Whether the mounter runs the helpers of FUSE.</summary>
    protected virtual bool CanMountFuse => true;

    /// <summary>A FUSE file system is mounted by its helper, and its server ends when it is unmounted.</summary>
    /// <param name="prefix">Which helper.</param>
    [TestCase("fuse"), TestCase("fuse3"), RequiresProgram("fuse-overlayfs"), RequiresProgram("mount.fuse3"), RequiresFileSystem("fuse")]
    public void FuseIsMountedByItsHelper(string prefix)
    {
        OverlayMount overlay = NewOverlay();
        string target = NewDirectory("target");
        Mount mount = FuseOverlay(overlay, prefix);
        if (RefusesFuse(mount, target))
            return;
        Mounter.Mount([mount], target);
        Assert.That(MountsBeneath(target), Has.Count.EqualTo(1));
        Assert.That(File.ReadAllText(Path.Join(target, "both")), Is.EqualTo("top"));
        File.WriteAllText(Path.Join(target, "new"), "");
        Assert.That(File.Exists(Path.Join(overlay.UpperDirectory, "new")));
        Mounter.Unmount(target);
        Assert.That(MountsBeneath(target), Is.Empty);
        AssertNoServer(overlay);
    }

    /// <summary>The same detached, or inside a tree.</summary>
    [Test, RequiresProgram("fuse-overlayfs"), RequiresProgram("mount.fuse3"), RequiresFileSystem("fuse")]
    public void FuseIsMountedDetached()
    {
        OverlayMount overlay = NewOverlay();
        string root = NewDirectory("root");
        Directory.CreateDirectory(Path.Join(root, "inner"));
        Mount mount = FuseOverlay(overlay, "fuse3");
        if (!CanMountFuse || RefusesToDetach(mount))
            return;
        using (IDetachedMount tree = Mounter.MountDetached([mount]))
            Assert.That(File.ReadAllText(Path.Join(tree.Path, "both")), Is.EqualTo("top"));
        AssertNoServer(overlay);
        using (IDetachedMount tree = Mounter.MountDetached([Mount.Bind(root), mount with { Target = "inner" }]))
            Assert.That(File.ReadAllText(Path.Join(tree.Path, "inner/both")), Is.EqualTo("top"));
        AssertNoServer(overlay);
        AssertNothingTemporary();
    }

    /// <summary>What the helper says is in the message, and nothing stays mounted.</summary>
    [Test, RequiresProgram("fuse-overlayfs"), RequiresProgram("mount.fuse3"), RequiresFileSystem("fuse")]
    public void FuseFailuresCarryTheHelpersWords()
    {
        string target = NewDirectory("target");
        OverlayMount overlay = NewOverlay();
        Mount mount = FuseOverlay(overlay with { LowerDirectories = [Path.Join(target, "missing")] }, "fuse3");
        if (RefusesFuse(mount, target))
            return;
        ContainerdException failure = Assert.Throws<ContainerdException>(() => Mounter.Mount([mount], target))!;
        Assert.That(failure.Message, Does.Contain("fuse-overlayfs").And.Contain("missing"));
        Assert.That(KindOf(() => Mounter.Mount([mount with { Type = "fuse3.no-such-file-system" }], target)), Is.EqualTo(ErrorKind.NotSupported));
        Assert.That(MountsBeneath(target), Is.Empty);
    }

    /// <summary>A mount whose server has died is unmounted as any other.</summary>
    [Test, RequiresProgram("fuse-overlayfs"), RequiresProgram("mount.fuse3"), RequiresFileSystem("fuse")]
    public void FuseIsUnmountedWithoutItsServer()
    {
        string target = NewDirectory("target");
        OverlayMount overlay = NewOverlay();
        Mount mount = FuseOverlay(overlay, "fuse3");
        if (RefusesFuse(mount, target))
            return;
        Mounter.Mount([mount], target);
        foreach (string server in ServersOf(overlay))
        {
            using var process = System.Diagnostics.Process.GetProcessById(int.Parse(Path.GetFileName(server), null));
            process.Kill();
        }
        AssertNoServer(overlay);
        Mounter.Unmount(target, UnmountOptions.Recursive);
        Assert.That(MountsBeneath(target), Is.Empty);
    }

    private static Mount FuseOverlay(OverlayMount overlay, string prefix) =>
        overlay.ToMount() with { Type = $"{prefix}.fuse-overlayfs" };

    private bool RefusesFuse(Mount mount, string target)
    {
        if (CanMountFuse)
            return false;
        Assert.That(KindOf(() => Mounter.Mount([mount], target)), Is.EqualTo(ErrorKind.NotSupported));
        return true;
    }

    private static void AssertNoServer(OverlayMount overlay) => Assert.That(() => ServersOf(overlay), Is.Empty.After(5000, 20));

    private static List<string> ServersOf(OverlayMount overlay) => [.. Directory.GetDirectories("/proc")
        .Where(process => char.IsAsciiDigit(Path.GetFileName(process)[0])
            && TextOf($"{process}/cmdline").Contains($"upperdir={overlay.UpperDirectory}", StringComparison.Ordinal))];
}
