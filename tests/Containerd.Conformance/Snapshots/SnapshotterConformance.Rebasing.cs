namespace Containerd.Conformance;

public abstract partial class SnapshotterConformance
{
    /// <summary>
    /// A layer that was applied with nothing beneath shows on its parent what it shows when it is applied there: what it deletes is deleted, what it hides is hidden.
    /// </summary>
    [Test]
    public async Task RebasedLayerDeletesWhatIsBeneath()
    {
        await CommitLayerAsync("base", null, root =>
        {
            Write(root, "kept", "1");
            Write(root, "deleted", "1");
            Write(root, "opaque/hidden", "1");
            Write(root, "replaced/file", "1");
        });
        if (await RefusesToRebaseAsync("base"))
            return;
        IReadOnlyList<Mount> mounts = await Snapshotter.PrepareAsync("layer", null, new() { IsLayer = true });
        await ApplyAsync(
            new TarBuilder().Whiteout("deleted").Directory("opaque").Opaque("opaque").File("opaque/shown", "2").File("replaced", "2").File("new", "2"), mounts);
        SnapshotInfo rebased = await Snapshotter.CommitAsync("rebased", "layer", new() { Parent = "base" });
        Assert.That(rebased.Parent, Is.EqualTo("base"));
        string[] expected = ["kept=1", "new=2", "opaque/", "opaque/shown=2", "replaced=2"];
        Assert.That(await ContentOfAsync("rebased"), Is.EqualTo(expected));
        Assert.That(ContentOf(await Snapshotter.PrepareAsync("active", "rebased")), Is.EqualTo(expected));
        Assert.That((await ContentOfAsync("base")).Count, Is.EqualTo(6), "the parent is as it was");

        await CommitLayerAsync("above", "rebased", root => Write(root, "opaque/above", "3"));
        Assert.That(await ContentOfAsync("above"), Has.Member("opaque/above=3").And.Member("opaque/shown=2").And.No.Member("opaque/hidden=1"));
    }

    /// <summary>Directories that a layer has entries in, but does not describe, are the parent's; those it describes are its own.</summary>
    [Test]
    public async Task RebasedLayerLeavesImpliedDirectoriesToItsParent()
    {
        await CommitLayerAsync("base", null, root =>
        {
            Write(root, "implied/deep/file", "1");
            Write(root, "described/file", "1");
            Run("chown", "-R", "12:34", Path.Join(root, "implied"), Path.Join(root, "described"));
            Run("chmod", "711", Path.Join(root, "implied"), Path.Join(root, "described"));
            Run("chmod", "1777", Path.Join(root, "implied/deep"));
            Run("chmod", "751", root);
        });
        await CommitLayerAsync("above", "base", root => Run("chmod", "3770", Path.Join(root, "implied/deep")));
        if (await RefusesToRebaseAsync("base"))
            return;
        IReadOnlyList<Mount> mounts = await Snapshotter.PrepareAsync("layer", null, new() { IsLayer = true });
        await ApplyAsync(new TarBuilder().File("implied/deep/new", "2").Directory("described", new() { Mode = 0x1C0, Uid = 56 }).File("described/new", "2").File("nowhere/new", "2"), mounts);
        await Snapshotter.CommitAsync("rebased", "layer", new() { Parent = "above" });

        Change(await Snapshotter.ViewAsync("view", "rebased"), root =>
        {
            Assert.That(Run("stat", "-c", "%a %u:%g", root), Is.EqualTo("751 0:0"));
            Assert.That(Run("stat", "-c", "%a %u:%g", Path.Join(root, "implied")), Is.EqualTo("711 12:34"));
            Assert.That(Run("stat", "-c", "%a %u:%g", Path.Join(root, "implied/deep")), Is.EqualTo("3770 12:34"), "of the topmost that has it");
            Assert.That(Run("stat", "-c", "%a %u:%g", Path.Join(root, "described")), Is.EqualTo("700 56:0"));
            Assert.That(Run("stat", "-c", "%a", Path.Join(root, "nowhere")), Is.EqualTo("755"));
        });
        Assert.That(await ContentOfAsync("rebased"), Is.EqualTo(new[]
        {
            "described/", "described/file=1", "described/new=2", "implied/", "implied/deep/", "implied/deep/file=1", "implied/deep/new=2", "nowhere/", "nowhere/new=2",
        }));
    }

    /// <summary>A layer does not fit where its parent has a file in the place of an implied directory; the same tree can be committed elsewhere, or without a parent.</summary>
    [Test]
    public async Task RebaseThatDoesNotFitChangesNothing()
    {
        await CommitLayerAsync("file", null, root => Write(root, "place", "1"));
        await CommitLayerAsync("link", null, root => File.CreateSymbolicLink(Path.Join(root, "place"), "elsewhere"));
        await CommitLayerAsync("directory", null, root =>
        {
            Write(root, "place/below", "1");
            Run("chmod", "710", Path.Join(root, "place"));
        });
        if (await RefusesToRebaseAsync("file"))
            return;
        foreach (string key in new[] { "first", "second" })
        {
            await ApplyAsync(new TarBuilder().File("place/new", "2"), await Snapshotter.PrepareAsync(key, null, new() { IsLayer = true }));
            Assert.That(await KindOf(Snapshotter.CommitAsync("rebased", key, new() { Parent = "file" })), Is.EqualTo(ErrorKind.FailedPrecondition));
            Assert.That(await KindOf(Snapshotter.CommitAsync("rebased", key, new() { Parent = "link" })), Is.EqualTo(ErrorKind.FailedPrecondition));
            SnapshotInfo active = await Snapshotter.GetAsync(key);
            Assert.That((active.Kind, active.Parent), Is.EqualTo((SnapshotKind.Active, (string?)null)));
            Assert.That(await Snapshotter.FindAsync("rebased"), Is.Null);
        }
        await Snapshotter.CommitAsync("on directory", "first", new() { Parent = "directory" });
        await Snapshotter.CommitAsync("on nothing", "second");
        Assert.That(await ContentOfAsync("on directory"), Is.EqualTo(new[] { "place/", "place/below=1", "place/new=2" }));
        Assert.That(await ContentOfAsync("on nothing"), Is.EqualTo(new[] { "place/", "place/new=2" }));
        Change(await Snapshotter.ViewAsync("view", "on directory"), root => Assert.That(Run("stat", "-c", "%a", Path.Join(root, "place")), Is.EqualTo("710")));
    }

    /// <summary>A layer whose commit onto a parent is stopped, or finds deep in the tree that it does not fit, has the directories it had, with all their attributes.</summary>
    [Test]
    public async Task StoppedRebaseChangesNothing()
    {
        await CommitLayerAsync("base", null, root =>
        {
            Write(root, "a/b/c/file", "1");
            Write(root, "a/b/d", "a file");
            FileXattr.Set(Path.Join(root, "a/b"), "user.of.base", [1]);
            FileXattr.Set(root, "user.of.both", [1]);
            Run("chown", "-R", "12:34", Path.Join(root, "a"));
            Run("chmod", "1711", root, Path.Join(root, "a"), Path.Join(root, "a/b/c"));
            Run("touch", "-d", "2001-02-03", Path.Join(root, "a/b/c"), Path.Join(root, "a/b"), Path.Join(root, "a"), root);
        });
        if (await RefusesToRebaseAsync("base"))
            return;
        IReadOnlyList<Mount> mounts = await Snapshotter.PrepareAsync("layer", null, new() { IsLayer = true });
        await ApplyAsync(new TarBuilder().File("a/b/c/new", "2"), mounts);
        Change(mounts, root =>
        {
            FileXattr.Set(root, "user.of.both", [2]);
            FileXattr.Set(Path.Join(root, "a"), "user.of.layer", [2]);
        });
        string[] before = Described();
        using (var stopping = new CancellationTokenSource())
        {
            var stop = new Told(_ => stopping.Cancel());
            Assert.That(async () => await Snapshotter.CommitAsync("rebased", "layer", new() { Parent = "base", Progress = stop }, stopping.Token), Throws.InstanceOf<OperationCanceledException>());
        }
        Assert.That(Described(), Is.EqualTo(before));

        await ApplyAsync(new TarBuilder().File("a/b/d/new", "2"), mounts);
        before = Described();
        Assert.That(await KindOf(Snapshotter.CommitAsync("rebased", "layer", new() { Parent = "base" })), Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(Described(), Is.EqualTo(before));

        string[] Described()
        {
            string[] lines = [];
            Change(mounts, root => lines = [.. TreeSnapshot.Describe(root)]);
            return lines;
        }
    }

    private sealed class Told(Action<SnapshotProgress> tell) : IProgress<SnapshotProgress>
    {
        public void Report(SnapshotProgress value) => tell(value);
    }

    /// <summary>The errors of giving a parent afterwards, in their order (S-3).</summary>
    [Test]
    public async Task RebaseErrors()
    {
        await CommitLayerAsync("base", null, _ => { });
        await CommitLayerAsync("other", null, _ => { });
        if (await RefusesToRebaseAsync("base"))
            return;
        await Snapshotter.PrepareAsync("active");
        await Snapshotter.PrepareAsync("on base", "base", new() { IsLayer = true });
        await Snapshotter.ViewAsync("view", "base");
        Assert.That(await KindOf(Snapshotter.CommitAsync("base", "missing", new() { Parent = "missing" })), Is.EqualTo(ErrorKind.AlreadyExists), "the name comes first");
        Assert.That(await KindOf(Snapshotter.CommitAsync("new", "missing", new() { Parent = "base" })), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(await KindOf(Snapshotter.CommitAsync("new", "view", new() { Parent = "missing" })), Is.EqualTo(ErrorKind.FailedPrecondition), "then the kind");
        Assert.That(await KindOf(Snapshotter.CommitAsync("new", "active", new() { Parent = "missing" })), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(await KindOf(Snapshotter.CommitAsync("new", "active", new() { Parent = "view" })), Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(await KindOf(Snapshotter.CommitAsync("new", "active", new() { Parent = "on base" })), Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(await KindOf(Snapshotter.CommitAsync("new", "active", new() { Parent = "active" })), Is.EqualTo(ErrorKind.FailedPrecondition), "itself is not committed either");
        Assert.That(await KindOf(Snapshotter.CommitAsync("new", "on base", new() { Parent = "other" })), Is.EqualTo(ErrorKind.InvalidArgument));
        Assert.That(await KindOf(Snapshotter.CommitAsync("new", "on base", new() { Parent = "missing" })), Is.EqualTo(ErrorKind.InvalidArgument));
        await Snapshotter.CommitAsync("new", "active", new() { Parent = "base" });
        Assert.That(await KindOf(Snapshotter.RemoveAsync("base")), Is.EqualTo(ErrorKind.FailedPrecondition), "it has a child now");
    }

    /// <summary>Layers can be applied side by side and put onto one another afterwards, in their order.</summary>
    [Test]
    public async Task LayersAreAppliedSideBySide()
    {
        await CommitLayerAsync("layer 0", null, root => Write(root, "last", "0"));
        if (await RefusesToRebaseAsync("layer 0"))
            return;
        await Task.WhenAll(Enumerable.Range(1, 8).Select(async i =>
        {
            TarBuilder layer = new TarBuilder().File("last", $"{i}").File($"file-{i}", $"{i}").Whiteout($"file-{i - 1}");
            await ApplyAsync(layer, await Snapshotter.PrepareAsync($"key {i}", null, new() { IsLayer = true }));
        }));
        for (int i = 1; i <= 8; i++)
            await Snapshotter.CommitAsync($"layer {i}", $"key {i}", new() { Parent = $"layer {i - 1}" });
        Assert.That(await ContentOfAsync("layer 8"), Is.EqualTo(new[] { "file-8=8", "last=8" }));
    }

    private async Task<bool> RefusesToRebaseAsync(string parent)
    {
        if (Snapshotter.Capabilities.HasFlag(SnapshotterCapabilities.Rebase))
            return false;
        Assert.That(await KindOf(Snapshotter.PrepareAsync("layer", null, new() { IsLayer = true })), Is.EqualTo(ErrorKind.NotSupported));
        await Snapshotter.PrepareAsync("parentless");
        Assert.That(await KindOf(Snapshotter.CommitAsync("rebased", "parentless", new() { Parent = parent })), Is.EqualTo(ErrorKind.NotSupported));
        Assert.That((await Snapshotter.GetAsync("parentless")).Kind, Is.EqualTo(SnapshotKind.Active), "it stays as it was");
        return true;
    }
}
