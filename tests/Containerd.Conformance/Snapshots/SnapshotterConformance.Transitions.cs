namespace Containerd.Conformance;

public abstract partial class SnapshotterConformance
{
    /// <summary>Prepare, commit, prepare on it, commit again: kinds, parents and keys on the way.</summary>
    [Test]
    public async Task Basic()
    {
        Change(await Snapshotter.PrepareAsync("preparing"), root => Write(root, "a/b/c/file", "1"));
        SnapshotInfo active = await Snapshotter.GetAsync("preparing");
        Assert.That((active.Kind, active.Parent), Is.EqualTo((SnapshotKind.Active, (string?)null)));

        SnapshotInfo committed = await Snapshotter.CommitAsync("committed", "preparing");
        Assert.That(committed, Is.EqualTo(await Snapshotter.GetAsync("committed")).Using<SnapshotInfo>(Same));
        Assert.That((committed.Kind, committed.Parent), Is.EqualTo((SnapshotKind.Committed, (string?)null)));
        Assert.That(await Snapshotter.FindAsync("preparing"), Is.Null);

        Change(await Snapshotter.PrepareAsync("next", "committed"), root => Write(root, "other", "2"));
        SnapshotInfo next = await Snapshotter.GetAsync("next");
        Assert.That((next.Kind, next.Parent), Is.EqualTo((SnapshotKind.Active, "committed")));
        await Snapshotter.CommitAsync("top", "next");
        Assert.That((await Snapshotter.GetAsync("top")).Parent, Is.EqualTo("committed"));
        Assert.That(await ContentOfAsync("top"), Is.EqualTo(new[] { "a/", "a/b/", "a/b/c/", "a/b/c/file=1", "other=2" }));

        Assert.That(await KindOf(Snapshotter.RemoveAsync("committed")), Is.EqualTo(ErrorKind.FailedPrecondition));
        await Snapshotter.RemoveAsync("top");
        await Snapshotter.RemoveAsync("committed");
        Assert.That(await KindOf(Snapshotter.RemoveAsync("committed")), Is.EqualTo(ErrorKind.NotFound));
    }

    /// <summary>An active snapshot can be looked up, mounted again and measured.</summary>
    [Test]
    public async Task StatActive()
    {
        IReadOnlyList<Mount> prepared = await Snapshotter.PrepareAsync("active");
        Assert.That(await Snapshotter.MountsAsync("active"), Is.EqualTo(prepared));
        Assert.That((await Snapshotter.GetAsync("active")).Kind, Is.EqualTo(SnapshotKind.Active));
        Assert.That((await Snapshotter.UsageAsync("active")).Inodes, Is.GreaterThan(0));
    }

    /// <summary>A committed snapshot can be looked up but has no mounts.</summary>
    [Test]
    public async Task StatCommitted()
    {
        await CommitLayerAsync("layer", null, root => Write(root, "file", new string('x', 100_000)));
        Assert.That((await Snapshotter.GetAsync("layer")).Kind, Is.EqualTo(SnapshotKind.Committed));
        Assert.That((await Snapshotter.UsageAsync("layer")).Bytes, Is.GreaterThanOrEqualTo(100_000));
        Assert.That(await KindOf(Snapshotter.MountsAsync("layer")), Is.EqualTo(ErrorKind.FailedPrecondition));
    }

    /// <summary>Looking up what is not there: null where a lookup may miss, NotFound where it may not.</summary>
    [Test]
    public async Task MissingSnapshots()
    {
        Assert.That(await Snapshotter.FindAsync("missing"), Is.Null);
        Assert.That(await KindOf(Snapshotter.GetAsync("missing")), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(await KindOf(Snapshotter.MountsAsync("missing")), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(await KindOf(Snapshotter.UsageAsync("missing")), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(await KindOf(Snapshotter.RemoveAsync("missing")), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(await KindOf(Snapshotter.CommitAsync("name", "missing")), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(await KindOf(Snapshotter.UpdateAsync("missing", LabelUpdate.Set("a", "b"))), Is.EqualTo(ErrorKind.NotFound));
    }

    /// <summary>Each snapshot has the parent it was made on, through several generations.</summary>
    [Test]
    public async Task TransitivityTest()
    {
        await CommitLayerAsync("first", null, root => Write(root, "file1", "1"));
        await CommitLayerAsync("second", "first", root => Write(root, "file2", "2"));
        await Snapshotter.PrepareAsync("third", "second");
        Assert.That((await Snapshotter.GetAsync("third")).Parent, Is.EqualTo("second"));
        Assert.That((await Snapshotter.GetAsync("second")).Parent, Is.EqualTo("first"));
        Assert.That((await Snapshotter.GetAsync("first")).Parent, Is.Null);
    }

    /// <summary>Neither views nor active snapshots can be parents; a taken key cannot be made again (S-2).</summary>
    [Test]
    public async Task PreareViewFailingtest()
    {
        await CommitLayerAsync("layer", null, root => Write(root, "file", ""));
        await Snapshotter.PrepareAsync("active", "layer");
        await Snapshotter.ViewAsync("view", "layer");

        Assert.That(await KindOf(Snapshotter.PrepareAsync("x", "active")), Is.EqualTo(ErrorKind.InvalidArgument));
        Assert.That(await KindOf(Snapshotter.ViewAsync("x", "view")), Is.EqualTo(ErrorKind.InvalidArgument));
        Assert.That(await KindOf(Snapshotter.PrepareAsync("x", "missing")), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(await KindOf(Snapshotter.ViewAsync("x", "missing")), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(await Snapshotter.FindAsync("x"), Is.Null);
        Assert.That(await KindOf(Snapshotter.PrepareAsync("active", "layer")), Is.EqualTo(ErrorKind.AlreadyExists));
        Assert.That(await KindOf(Snapshotter.PrepareAsync("layer")), Is.EqualTo(ErrorKind.AlreadyExists), "keys and names share one space");
        Assert.That(await KindOf(Snapshotter.ViewAsync("view", "layer")), Is.EqualTo(ErrorKind.AlreadyExists));
    }

    /// <summary>The errors of committing, in their order (S-3).</summary>
    [Test]
    public async Task CommitErrors()
    {
        await CommitLayerAsync("layer", null, _ => { });
        await CommitLayerAsync("other", null, _ => { });
        await Snapshotter.PrepareAsync("active", "layer");
        await Snapshotter.ViewAsync("view", "layer");

        Assert.That(await KindOf(Snapshotter.CommitAsync("layer", "missing")), Is.EqualTo(ErrorKind.AlreadyExists), "the name is checked first");
        Assert.That(await KindOf(Snapshotter.CommitAsync("layer", "active")), Is.EqualTo(ErrorKind.AlreadyExists));
        Assert.That((await Snapshotter.GetAsync("active")).Kind, Is.EqualTo(SnapshotKind.Active), "the active snapshot stays");
        Assert.That(await KindOf(Snapshotter.CommitAsync("new", "view")), Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(await KindOf(Snapshotter.CommitAsync("new", "layer")), Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(await KindOf(Snapshotter.CommitAsync("new", "active", new() { Parent = "other" })), Is.EqualTo(ErrorKind.InvalidArgument));
        SnapshotInfo active = await Snapshotter.GetAsync("active");
        SnapshotInfo committed = await Snapshotter.CommitAsync("new", "active", new() { Parent = "layer" });
        Assert.That((committed.Kind, committed.Parent), Is.EqualTo((SnapshotKind.Committed, "layer")));
        Assert.That(committed.CreatedAt, Is.GreaterThanOrEqualTo(active.CreatedAt).And.EqualTo(committed.UpdatedAt), "the time of the commit");
        Assert.That(await KindOf(Snapshotter.CommitAsync("again", "active")), Is.EqualTo(ErrorKind.NotFound), "a commit is made once");
    }

    /// <summary>Without the capability a parent cannot be given afterwards, nor IDs mapped.</summary>
    [Test]
    public async Task CapabilitiesAreTold()
    {
        await CommitLayerAsync("layer", null, _ => { });
        if (!Snapshotter.Capabilities.HasFlag(SnapshotterCapabilities.Rebase))
        {
            await Snapshotter.PrepareAsync("parentless");
            Assert.That(await KindOf(Snapshotter.CommitAsync("rebased", "parentless", new() { Parent = "layer" })), Is.EqualTo(ErrorKind.NotSupported));
        }
        if (!Snapshotter.Capabilities.HasFlag(SnapshotterCapabilities.RemapIds))
        {
            var mapped = new SnapshotOptions { UserMappings = [new IdMapping(0, 1000, 65536)], GroupMappings = [new IdMapping(0, 1000, 65536)] };
            Assert.That(await KindOf(Snapshotter.PrepareAsync("mapped", "layer", mapped)), Is.EqualTo(ErrorKind.NotSupported));
            Assert.That(await Snapshotter.FindAsync("mapped"), Is.Null);
        }
    }

    /// <summary>What others are based on cannot be removed; a removed key can be used at once.</summary>
    [Test]
    public async Task RemoveIntermediateSnapshot()
    {
        await CommitLayerAsync("base", null, root => Write(root, "file", "1"));
        await CommitLayerAsync("middle", "base", root => Write(root, "file", "2"));
        await Snapshotter.ViewAsync("view", "middle");

        Assert.That(await KindOf(Snapshotter.RemoveAsync("middle")), Is.EqualTo(ErrorKind.FailedPrecondition));
        await Snapshotter.RemoveAsync("view");
        await Snapshotter.PrepareAsync("view", "middle");
        Assert.That((await Snapshotter.GetAsync("view")).Kind, Is.EqualTo(SnapshotKind.Active));
        Assert.That(await KindOf(Snapshotter.RemoveAsync("middle")), Is.EqualTo(ErrorKind.FailedPrecondition));
        await Snapshotter.RemoveAsync("view");
        await Snapshotter.RemoveAsync("middle");
        Assert.That(await KindOf(Snapshotter.PrepareAsync("view", "middle")), Is.EqualTo(ErrorKind.NotFound));
        await Snapshotter.RemoveAsync("base");

        await CommitLayerAsync("base", null, root => Write(root, "new", "3"));
        Assert.That(await ContentOfAsync("base"), Is.EqualTo(new[] { "new=3" }));
    }

    /// <summary>Keys and names of any shape that the rules allow, and none that they do not.</summary>
    [Test]
    public async Task KeysAreChecked()
    {
        foreach (string key in new[] { "../../etc", "a/b", ".", "  ", "ключ", new string('k', 512), "extract-1 sha256:abc" })
        {
            await Snapshotter.PrepareAsync(key);
            Assert.That((await Snapshotter.GetAsync(key)).Name, Is.EqualTo(key));
        }
        await Snapshotter.PrepareAsync("active");
        foreach (string key in new[] { "", new string('k', 513), new string('к', 257), "a\0b", "line\nline", "\u0085", "\ud800" })
        {
            Assert.That(await KindOf(Snapshotter.PrepareAsync(key)), Is.EqualTo(ErrorKind.InvalidArgument));
            Assert.That(await KindOf(Snapshotter.ViewAsync(key)), Is.EqualTo(ErrorKind.InvalidArgument));
            Assert.That(await KindOf(Snapshotter.CommitAsync(key, "active")), Is.EqualTo(ErrorKind.InvalidArgument));
        }
    }

    /// <summary>Labels are set, replaced and merged; committing does not carry them over, and nothing but they can change.</summary>
    [Test]
    public async Task Update()
    {
        var options = new SnapshotOptions { Labels = new Dictionary<string, string> { ["one"] = "1", ["two"] = "2" } };
        await Snapshotter.PrepareAsync("active", options: options);
        SnapshotInfo before = await Snapshotter.GetAsync("active");
        Assert.That(before.Labels, Is.EquivalentTo(options.Labels));

        SnapshotInfo after = await Snapshotter.UpdateAsync("active", LabelUpdate.Merge(new Dictionary<string, string?> { ["one"] = null, ["three"] = "3" }));
        Assert.That(after.Labels, Is.EquivalentTo(new Dictionary<string, string> { ["two"] = "2", ["three"] = "3" }));
        Assert.That(after.CreatedAt, Is.EqualTo(before.CreatedAt));
        Assert.That(after.UpdatedAt, Is.GreaterThanOrEqualTo(before.UpdatedAt));
        Assert.That(await Snapshotter.GetAsync("active"), Is.EqualTo(after).Using<SnapshotInfo>(Same));

        Assert.That(await KindOf(Snapshotter.UpdateAsync("active", LabelUpdate.Set("long", new string('x', 5000)))), Is.EqualTo(ErrorKind.InvalidArgument));
        Assert.That(await KindOf(Snapshotter.PrepareAsync("x", options: new() { Labels = new Dictionary<string, string> { [""] = "v" } })), Is.EqualTo(ErrorKind.InvalidArgument));

        SnapshotInfo committed = await Snapshotter.CommitAsync("layer", "active", new() { Labels = new Dictionary<string, string> { ["own"] = "label" } });
        Assert.That(committed.Labels, Is.EquivalentTo(new Dictionary<string, string> { ["own"] = "label" }));
        Assert.That((await Snapshotter.UpdateAsync("layer", LabelUpdate.Replace(new Dictionary<string, string>()))).Labels, Is.Empty);
    }

    /// <summary>Everything is listed once, by each condition of a filter.</summary>
    [Test]
    public async Task Walk()
    {
        await CommitLayerAsync("layer", null, _ => { }, new() { Labels = new Dictionary<string, string> { ["a"] = "1" } });
        for (int i = 0; i < 600; i++)
            await Snapshotter.ViewAsync($"view-{i}", "layer");
        await Snapshotter.PrepareAsync("active");

        Assert.That(await ListAsync(null), Has.Count.EqualTo(602).And.Unique);
        Assert.That(await ListAsync(new() { Kind = SnapshotKind.Committed }), Is.EqualTo(new[] { "layer" }));
        Assert.That(await ListAsync(new() { Kind = SnapshotKind.Active }), Is.EqualTo(new[] { "active" }));
        Assert.That(await ListAsync(new() { Parent = "layer" }), Has.Count.EqualTo(600));
        Assert.That(await ListAsync(new() { Labels = new Dictionary<string, string> { ["a"] = "1" } }), Is.EqualTo(new[] { "layer" }));
        Assert.That(await ListAsync(new() { Labels = new Dictionary<string, string> { ["a"] = "2" } }), Is.Empty);

        async Task<List<string>> ListAsync(SnapshotFilter? filter)
        {
            var names = new List<string>();
            await foreach (SnapshotInfo snapshot in Snapshotter.ListAsync(filter))
                names.Add(snapshot.Name);
            return names;
        }
    }

    /// <summary>While a list is read, everything can be looked up, changed and removed.</summary>
    [Test]
    public async Task StatInWalk()
    {
        for (int i = 0; i < 300; i++)
            await Snapshotter.ViewAsync($"view-{i}");
        int seen = 0;
        await foreach (SnapshotInfo snapshot in Snapshotter.ListAsync())
        {
            Assert.That(await Snapshotter.FindAsync(snapshot.Name), Is.Not.Null);
            await Snapshotter.UpdateAsync(snapshot.Name, LabelUpdate.Set("seen", "yes"));
            await Snapshotter.RemoveAsync(snapshot.Name);
            seen++;
        }
        Assert.That(seen, Is.EqualTo(300));
    }

    /// <summary>Of many that race for one name one wins, and every other learns that it is taken.</summary>
    [Test]
    public async Task CommitsRaceForAName()
    {
        for (int i = 0; i < 8; i++)
            await Snapshotter.PrepareAsync($"active-{i}");
        ErrorKind?[] results = await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            try
            {
                await Snapshotter.CommitAsync("name", $"active-{i}");
                return (ErrorKind?)null;
            }
            catch (ContainerdException e)
            {
                return e.Kind;
            }
        }));
        Assert.That(results.Count(result => result is null), Is.EqualTo(1));
        Assert.That(results.Where(result => result is not null), Is.All.EqualTo(ErrorKind.AlreadyExists));
    }

    /// <summary>A cancelled call is an OperationCanceledException and has not happened.</summary>
    [Test]
    public async Task CancelledCallsHaveNoEffect()
    {
        await Snapshotter.PrepareAsync("active");
        var cancelled = new CancellationToken(canceled: true);
        Assert.That(async () => await Snapshotter.PrepareAsync("x", cancellationToken: cancelled), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await Snapshotter.CommitAsync("name", "active", cancellationToken: cancelled), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await Snapshotter.RemoveAsync("active", cancelled), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await Snapshotter.ViewAsync("x", cancellationToken: cancelled), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await Snapshotter.AdoptAsync("x", null, Digest.Sha256("layer"u8), cancellationToken: cancelled), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await Snapshotter.UpdateAsync("active", LabelUpdate.Set("a", "b"), cancelled), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await Snapshotter.UsageAsync("active", cancelled), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await Snapshotter.MountsAsync("active", cancelled), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await Snapshotter.FindAsync("active", cancelled), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await Snapshotter.CleanupAsync(cancelled), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => { await foreach (SnapshotInfo _ in Snapshotter.ListAsync(cancellationToken: cancelled)) { } }, Throws.InstanceOf<OperationCanceledException>());
        Assert.That((await Snapshotter.GetAsync("active")).Labels, Is.Empty);
        Assert.That(await Snapshotter.FindAsync("x"), Is.Null);
        Assert.That((await Snapshotter.GetAsync("active")).Kind, Is.EqualTo(SnapshotKind.Active));
    }

    /// <summary>A store that is opened again has what it had.</summary>
    [Test]
    public async Task ReopenedStoreIsTheSame()
    {
        await CommitLayerAsync("layer", null, root => Write(root, "file", "1"), new() { Labels = new Dictionary<string, string> { ["a"] = "1" } });
        IReadOnlyList<Mount> mounts = await Snapshotter.PrepareAsync("active", "layer");
        SnapshotInfo layer = await Snapshotter.GetAsync("layer");
        SnapshotUsage usage = await Snapshotter.UsageAsync("layer");
        await ReopenAsync();
        Assert.That(await Snapshotter.GetAsync("layer"), Is.EqualTo(layer).Using<SnapshotInfo>(Same));
        Assert.That(await Snapshotter.UsageAsync("layer"), Is.EqualTo(usage));
        Assert.That(await Snapshotter.MountsAsync("active"), Is.EqualTo(mounts));
    }

    /// <summary>Closing twice is closing once, in whatever way (S-10).</summary>
    [Test]
    public async Task CloseTwice()
    {
        await Snapshotter.PrepareAsync("active");
        await CloseAsync(Snapshotter);
        await CloseAsync(Snapshotter);
        (Snapshotter as IDisposable)?.Dispose();
        await ReopenAsync();
        Assert.That(await Snapshotter.FindAsync("active"), Is.Not.Null);
    }

    // Labels are a dictionary, of which records compare the reference.
    private static bool Same(SnapshotInfo one, SnapshotInfo other) =>
        one with { Labels = other.Labels } == other && one.Labels.Count == other.Labels.Count && one.Labels.All(label => other.Labels.Contains(label));
}
