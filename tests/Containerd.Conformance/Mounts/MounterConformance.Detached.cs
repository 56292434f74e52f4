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
        IReadOnlyList<string> table = SeenMounts();
        IDetachedMount tree = Mounter.MountDetached([mount]);
        string path = tree.Path;
        Assert.That(File.ReadAllText(Path.Join(path, "both")), Is.EqualTo("top"));
        File.WriteAllText(Path.Join(path, "new"), "");
        Assert.That(SeenMounts(), Is.EqualTo(table));
        tree.Dispose();
        tree.Dispose();
        Assert.That(() => tree.Path, Throws.InstanceOf<ObjectDisposedException>());
        AssertNothingTemporary();
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
        AssertNothingTemporary();
    }

    /// <summary>Several mounts make one detached tree.</summary>
    [Test]
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
        tree.Dispose();
        AssertNothingTemporary();
    }

    /// <summary>Of mounts that are stacked at the root of a detached tree the last is what is seen and mounted in, as on a directory.</summary>
    [Test]
    public void DetachedTreeIsStackedAtItsRoot()
    {
        string beneath = NewDirectory("beneath", "hidden"), root = NewDirectory("root", "file"), data = NewDirectory("data", "inner");
        Directory.CreateDirectory(Path.Join(root, "mnt"));
        if (RefusesToDetach(Mount.Bind(beneath)))
            return;
        using IDetachedMount tree = Mounter.MountDetached([Mount.Bind(beneath), Tmpfs(), Mount.Bind(root), Mount.Bind(data) with { Target = "mnt" }]);
        Assert.That(Directory.GetFiles(tree.Path).Select(Path.GetFileName), Is.EqualTo(new[] { "file" }));
        Assert.That(File.Exists(Path.Join(tree.Path, "mnt/inner")));
        tree.Dispose();
        AssertNothingTemporary();
    }

    /// <summary>A detached tree can be the source of a bind.</summary>
    [Test, RequiresKernel(6, 15)]
    public void DetachedTreeIsBound()
    {
        if (RefusesToDetach(Tmpfs()))
            return;
        string target = NewDirectory("target");
        using (IDetachedMount tree = Mounter.MountDetached([Tmpfs()]))
        {
            File.WriteAllText(Path.Join(tree.Path, "file"), "");
            Mounter.Mount([Mount.Bind(tree.Path)], target);
        }
        Assert.That(File.Exists(Path.Join(target, "file")));
    }

    /// <summary>A detached tree that cannot be made leaves nothing, and its root comes first.</summary>
    [Test]
    public void DetachedTreeIsMadeWholeOrNotAtAll()
    {
        string root = NewDirectory("root");
        if (RefusesToDetach(Mount.Bind(root)))
            return;
        IReadOnlyList<string> table = SeenMounts();
        Assert.That(KindOf(() => Mounter.MountDetached([Mount.Bind(root), Tmpfs() with { Target = "missing" }])), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(KindOf(() => Mounter.MountDetached([Tmpfs() with { Target = "mnt" }])), Is.EqualTo(ErrorKind.InvalidArgument));
        Assert.That(() => Mounter.MountDetached([]), Throws.InstanceOf<ArgumentException>());
        Assert.That(SeenMounts(), Is.EqualTo(table));
        AssertNothingTemporary();
    }

    private void AssertNothingTemporary()
    {
        if (TemporaryDirectory is not null && Directory.Exists(TemporaryDirectory))
        {
            Assert.That(MountsBeneath(TemporaryDirectory), Is.EqualTo(new[] { TemporaryDirectory }).Or.Empty);
            Assert.That(Directory.EnumerateDirectories(TemporaryDirectory), Is.Empty);
        }
    }

    private bool RefusesToDetach(Mount mount)
    {
        if (CanDetach)
            return false;
        Assert.That(KindOf(() => Mounter.MountDetached([mount])), Is.EqualTo(ErrorKind.NotSupported));
        return true;
    }
}
