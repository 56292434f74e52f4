namespace Containerd.Conformance;

public abstract partial class MounterConformance
{
    /// <summary>A detached tree has a path, is in no mount table, and is gone when it is disposed.</summary>
    [Test]
    public void DetachedTreeIsInNoMountTable()
    {
        Mount mount = NewOverlay().ToMount();
        if (RefusesToDetach(mount))
            return;
        string table = File.ReadAllText("/proc/self/mountinfo");
        IDetachedMount tree = Mounter.MountDetached([mount]);
        string path = tree.Path;
        Assert.That(File.ReadAllText(Path.Join(path, "both")), Is.EqualTo("top"));
        File.WriteAllText(Path.Join(path, "new"), "");
        Assert.That(File.ReadAllText("/proc/self/mountinfo"), Is.EqualTo(table));
        tree.Dispose();
        tree.Dispose();
        Assert.That(() => tree.Path, Throws.InstanceOf<ObjectDisposedException>());
        Assert.That(File.Exists(Path.Join(_directory, "upper/new")), "disposing deletes nothing");
    }

    /// <summary>An open file keeps a disposed tree alive until it is closed.</summary>
    [Test]
    public void OpenFilesOutliveTheTree()
    {
        if (RefusesToDetach(Tmpfs()))
            return;
        FileStream file;
        using (IDetachedMount tree = Mounter.MountDetached([Tmpfs()]))
            file = File.Create(Path.Join(tree.Path, "file"));
        using (file)
            Assert.That(() => file.WriteByte(1), Throws.Nothing);
    }

    /// <summary>Several mounts make one detached tree.</summary>
    [Test, RequiresKernel(6, 15)]
    public void DetachedTreeOfSeveralMounts()
    {
        string root = NewDirectory("root"), data = NewDirectory("data", "file");
        Directory.CreateDirectory(Path.Join(root, "mnt"));
        if (RefusesToDetach(Mount.Bind(root)))
            return;
        using IDetachedMount tree = Mounter.MountDetached([Mount.Bind(root, readOnly: true), Mount.Bind(data) with { Target = "mnt" }]);
        Assert.That(File.Exists(Path.Join(tree.Path, "mnt/file")));
        Assert.That(File.Exists(Path.Join(root, "mnt/file")), Is.False);
        AssertReadOnly(tree.Path);
    }

    /// <summary>A detached tree that cannot be made leaves nothing, and its root comes first.</summary>
    [Test]
    public void DetachedTreeIsMadeWholeOrNotAtAll()
    {
        string root = NewDirectory("root");
        if (RefusesToDetach(Mount.Bind(root)))
            return;
        string table = File.ReadAllText("/proc/self/mountinfo");
        Assert.That(KindOf(() => Mounter.MountDetached([Mount.Bind(root), Tmpfs() with { Target = "missing" }])), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(KindOf(() => Mounter.MountDetached([Tmpfs() with { Target = "mnt" }])), Is.EqualTo(ErrorKind.InvalidArgument));
        Assert.That(() => Mounter.MountDetached([]), Throws.InstanceOf<ArgumentException>());
        Assert.That(File.ReadAllText("/proc/self/mountinfo"), Is.EqualTo(table));
    }

    private bool RefusesToDetach(Mount mount)
    {
        if (CanDetach)
            return false;
        Assert.That(KindOf(() => Mounter.MountDetached([mount])), Is.EqualTo(ErrorKind.NotSupported));
        return true;
    }
}
