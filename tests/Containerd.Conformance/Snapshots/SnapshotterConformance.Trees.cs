using System.Diagnostics;

namespace Containerd.Conformance;

public abstract partial class SnapshotterConformance
{
    /// <summary>Views refuse writes, whether they look at nothing, at one layer or at several.</summary>
    [Test]
    public async Task ViewReadonly()
    {
        await CommitLayerAsync("one", null, root => Write(root, "file", "1"));
        await CommitLayerAsync("two", "one", root => Write(root, "other", "2"));
        foreach (string? parent in new[] { null, "one", "two" })
        {
            IReadOnlyList<Mount> mounts = await Snapshotter.ViewAsync($"view of {parent}", parent);
            Assert.That(mounts, Is.All.Property(nameof(Mount.IsReadOnly)).True);
            Change(mounts, root => Assert.That(() => File.WriteAllText(Path.Join(root, "x"), ""), Throws.InstanceOf<IOException>()));
            Assert.That(await Snapshotter.UsageAsync($"view of {parent}"), Is.EqualTo(default(SnapshotUsage)));
        }
    }

    /// <summary>The root of an empty tree has mode 0755, and a child has its parent's.</summary>
    [Test]
    public async Task RootPermission()
    {
        UnixFileMode mode = default;
        Change(await Snapshotter.PrepareAsync("active"), root =>
        {
            mode = File.GetUnixFileMode(root);
            File.SetUnixFileMode(root, (UnixFileMode)0x1E8); // 0750
        });
        Assert.That(mode, Is.EqualTo((UnixFileMode)0x1ED)); // 0755
        await Snapshotter.CommitAsync("layer", "active");
        Change(await Snapshotter.PrepareAsync("child", "layer"), root => mode = File.GetUnixFileMode(root));
        Assert.That(mode, Is.EqualTo((UnixFileMode)0x1E8));
    }

    /// <summary>Files of lower layers are there, changed ones are changed, and the layers stay as they were.</summary>
    [Test]
    public async Task FileFromLowerLayer()
    {
        await CommitLayerAsync("one", null, root => Write(root, "dir/file", "1"));
        await CommitLayerAsync("two", "one", root => File.AppendAllText(Path.Join(root, "dir/file"), "2"));
        await CommitLayerAsync("three", "two", root => File.AppendAllText(Path.Join(root, "dir/file"), "3"));
        Assert.That(await ContentOfAsync("one"), Is.EqualTo(new[] { "dir/", "dir/file=1" }));
        Assert.That(await ContentOfAsync("two"), Is.EqualTo(new[] { "dir/", "dir/file=12" }));
        Assert.That(await ContentOfAsync("three"), Is.EqualTo(new[] { "dir/", "dir/file=123" }));
    }

    /// <summary>A child begins as the very tree that its parent is: links, fifos, devices, owners, modes, times, hard links.</summary>
    [Test]
    public async Task ChildBeginsAsItsParent()
    {
        const string Find = "cd '{0}' && find . -type d -printf '%P %y %m %U:%G %T@\\n' -o -printf '%P %y %m %U:%G %n %s %l %T@\\n' | LC_ALL=C sort";
        string parent = "", child = "", view = "";
        Change(await Snapshotter.PrepareAsync("active"), root =>
        {
            Run("sh", "-c", $"""
                cd '{root}' && mkdir -p a/b && echo 1 > a/file && ln a/file a/b/linked && ln -s /nowhere a/link && mkfifo a/fifo && mknod a/null c 1 3 && truncate -s 5M a/b/sparse &&
                chown 12:34 a/file a/b && chown -h 56:78 a/link && chmod 6755 a/file && chmod 1777 a/b && touch -d @1.5 a/b/sparse && touch -h -d @2.25 a/link && touch -d @3 a/b . &&
                printf x > "$(printf 'not\\377utf8')"
                """.ReplaceLineEndings(" "));
            parent = Run("sh", "-c", string.Format(null, Find, root));
        });
        await Snapshotter.CommitAsync("layer", "active");
        Change(await Snapshotter.PrepareAsync("child", "layer"), root => child = Run("sh", "-c", string.Format(null, Find, root)));
        Change(await Snapshotter.ViewAsync("view", "layer"), root => view = Run("sh", "-c", string.Format(null, Find, root)));
        Assert.That(parent.Split('\n'), Has.Length.EqualTo(10));
        Assert.That(view, Is.EqualTo(parent));
        // Of the root itself, overlay shows the upper directory's own times.
        Assert.That(child.Split('\n').Skip(1), Is.EqualTo(parent.Split('\n').Skip(1)));
    }

    /// <summary>What a layer deletes is gone above it, and comes back where a further layer makes it anew.</summary>
    [Test]
    public async Task DeletedFilesInChildSnapshot()
    {
        await CommitLayerAsync("one", null, root =>
        {
            Write(root, "keep", "1");
            Write(root, "gone", "1");
            Write(root, "tree/deep/file", "1");
        });
        await CommitLayerAsync("two", "one", root =>
        {
            File.Delete(Path.Join(root, "gone"));
            Directory.Delete(Path.Join(root, "tree"), recursive: true);
        });
        await CommitLayerAsync("three", "two", root => Write(root, "gone", "3"));
        Assert.That(await ContentOfAsync("two"), Is.EqualTo(new[] { "keep=1" }));
        Assert.That(await ContentOfAsync("three"), Is.EqualTo(new[] { "gone=3", "keep=1" }));
    }

    /// <summary>A directory that is deleted and made again shows nothing of the layers beneath.</summary>
    [Test]
    public async Task OpaqueDirectoryHidesWhatIsBeneath()
    {
        await CommitLayerAsync("one", null, root => Write(root, "dir/old", "1"));
        await CommitLayerAsync("two", "one", root =>
        {
            Directory.Delete(Path.Join(root, "dir"), recursive: true);
            Write(root, "dir/new", "2");
        });
        await CommitLayerAsync("three", "two", root => Write(root, "dir/newer", "3"));
        Assert.That(await ContentOfAsync("three"), Is.EqualTo(new[] { "dir/", "dir/new=2", "dir/newer=3" }));
    }

    /// <summary>A file of a lower layer can be moved.</summary>
    [Test]
    public async Task MoveFileFromLowerLayer()
    {
        await CommitLayerAsync("one", null, root =>
        {
            Write(root, "dir1/f1", "1");
            Write(root, "dir2/f2", "2");
        });
        await CommitLayerAsync("two", "one", root => File.Move(Path.Join(root, "dir1/f1"), Path.Join(root, "dir2/f2"), overwrite: true));
        Assert.That(await ContentOfAsync("two"), Is.EqualTo(new[] { "dir1/", "dir2/", "dir2/f2=1" }));
    }

    /// <summary>A directory of a lower layer can be moved by mv(1), which copies where the kernel will not rename.</summary>
    [Test]
    public async Task Rename()
    {
        await CommitLayerAsync("one", null, root => Write(root, "dir/file", "1"));
        await CommitLayerAsync("two", "one", root =>
        {
            using Process mv = Process.Start("mv", [Path.Join(root, "dir"), Path.Join(root, "moved")]);
            mv.WaitForExit();
            Assert.That(mv.ExitCode, Is.Zero);
        });
        Assert.That(await ContentOfAsync("two"), Is.EqualTo(new[] { "moved/", "moved/file=1" }));
    }

    /// <summary>A hundred and twenty-eight layers can be stacked and mounted, the topmost seen first.</summary>
    [Test]
    public async Task Layers128Mount()
    {
        string? parent = null;
        for (int i = 1; i <= 128; i++)
        {
            int layer = i;
            await CommitLayerAsync($"layer-{i}", parent, root =>
            {
                Write(root, $"file-{layer}", $"{layer}");
                Write(root, "last", $"{layer}");
            });
            parent = $"layer-{i}";
        }
        Change(await Snapshotter.PrepareAsync("active", parent), root =>
        {
            Assert.That(Directory.GetFiles(root), Has.Length.EqualTo(129));
            Assert.That(File.ReadAllText(Path.Join(root, "last")), Is.EqualTo("128"));
            Write(root, "file-1", "changed");
        });
    }

    /// <summary>Usage is the snapshot's own: allocated blocks, each inode once, no parents, no holes.</summary>
    [Test]
    public async Task UsageIsTheSnapshotsOwn()
    {
        await CommitLayerAsync("one", null, root => Write(root, "big", new string('x', 1 << 20)));
        IReadOnlyList<Mount> mounts = await Snapshotter.PrepareAsync("active", "one");
        // So that the root directory has changed already, which may count or not.
        Change(mounts, root => Write(root, "first", ""));
        SnapshotUsage empty = await Snapshotter.UsageAsync("active");
        Change(mounts, root =>
        {
            Write(root, "a", new string('y', 100_000));
            using Process ln = Process.Start("ln", [Path.Join(root, "a"), Path.Join(root, "b")]);
            ln.WaitForExit();
            using FileStream sparse = File.Create(Path.Join(root, "sparse"));
            sparse.SetLength(1L << 30);
        });
        SnapshotUsage usage = await Snapshotter.UsageAsync("active");
        Assert.That(usage.Inodes - empty.Inodes, Is.EqualTo(2), "the file of two names and the sparse one");
        Assert.That(usage.Bytes - empty.Bytes, Is.InRange(100_000, 200_000));
        Assert.That((await Snapshotter.UsageAsync("one")).Bytes, Is.InRange(1 << 20, 2 << 20));
        await Snapshotter.CommitAsync("two", "active");
        Assert.That((await Snapshotter.UsageAsync("two")).Inodes, Is.EqualTo(usage.Inodes));
    }

    /// <summary>Cleaning up frees nothing that is in use, and can be done at any time.</summary>
    [Test]
    public async Task CleanupKeepsWhatIsInUse()
    {
        await CommitLayerAsync("one", null, root => Write(root, "file", "1"));
        Change(await Snapshotter.PrepareAsync("active", "one"), root => Write(root, "file", "2"));
        await CommitLayerAsync("removed", "one", root => Write(root, "file", "3"));
        await Snapshotter.RemoveAsync("removed");
        await Snapshotter.CleanupAsync();
        await Snapshotter.CleanupAsync();
        Assert.That(await ContentOfAsync("one"), Is.EqualTo(new[] { "file=1" }));
        Assert.That(ContentOf(await Snapshotter.MountsAsync("active")), Is.EqualTo(new[] { "file=2" }));
    }

    /// <summary>A layer that was committed as independent can be adopted by another chain, where the snapshotter shares layers at all.</summary>
    [Test]
    public async Task AdoptedLayerIsTheSameLayer()
    {
        Digest diffId = Digest.Sha256("layer"u8);
        var shared = new SnapshotCommitOptions { DiffId = diffId, IsIndependentOfParent = true };
        await CommitLayerAsync("base", null, root => Write(root, "base", "b"));
        await CommitLayerAsync("other base", null, root => Write(root, "deleted", "o"));
        await CommitLayerAsync("middle", "base", root => Write(root, "deleted", "m"));
        await CommitLayerAsync("first", "other base", ApplyLayer, shared);

        Assert.That(await KindOf(Snapshotter.AdoptAsync("first", "middle", diffId)), Is.EqualTo(ErrorKind.AlreadyExists));
        Assert.That(await Snapshotter.AdoptAsync("unknown", "middle", Digest.Sha256("unknown"u8)), Is.Null);
        SnapshotInfo? adopted = await Snapshotter.AdoptAsync("second", "middle", diffId, new Dictionary<string, string> { ["a"] = "1" });
        if (adopted is null)
        {
            Assert.That(await Snapshotter.FindAsync("second"), Is.Null, "a layer that is not shared has to be applied");
            return;
        }
        Assert.That((adopted.Kind, adopted.Parent, adopted.Labels["a"]), Is.EqualTo((SnapshotKind.Committed, "middle", "1")));
        Assert.That(await KindOf(Snapshotter.AdoptAsync("x", "missing", diffId)), Is.EqualTo(ErrorKind.NotFound));

        await Snapshotter.RemoveAsync("first");
        await Snapshotter.CleanupAsync();
        Assert.That(await ContentOfAsync("second"), Is.EqualTo(new[] { "base=b", "file=1" }), "what the layer deletes it deletes here too");

        static void ApplyLayer(string root)
        {
            Write(root, "file", "1");
            File.Delete(Path.Join(root, "deleted"));
        }
    }

    /// <summary>A chain may have one layer several times.</summary>
    [Test]
    public async Task LayerTwiceInOneChain()
    {
        SnapshotCommitOptions shared = new() { DiffId = Digest.Sha256("layer"u8), IsIndependentOfParent = true };
        await CommitLayerAsync("one", null, root => Write(root, "file", "base"), shared);
        await CommitLayerAsync("two", "one", root => Write(root, "file", "layer"), shared);
        await CommitLayerAsync("three", "two", root => Write(root, "file", "other"));
        await CommitLayerAsync("four", "three", root => Write(root, "file", "layer"), shared);
        Assert.That(await ContentOfAsync("two"), Is.EqualTo(new[] { "file=layer" }));
        Assert.That(await ContentOfAsync("three"), Is.EqualTo(new[] { "file=other" }));
        Assert.That(await ContentOfAsync("four"), Is.EqualTo(new[] { "file=layer" }));
        Change(await Snapshotter.PrepareAsync("active", "four"), root => Write(root, "new", ""));
    }
}
