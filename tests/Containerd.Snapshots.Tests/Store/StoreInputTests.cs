namespace Containerd.Snapshots;

public class StoreInputTests : StoreContentTest
{
    private OverlaySnapshotter _snapshotter = null!;

    private static readonly string[] BadNames = ["", new string('x', 513), new string('ü', 257), "a\nb", "a\0b", "\u0085", "\u007f", "\ud800", "a\udc00b"];

    [SetUp]
    public async Task OpenStore()
    {
        _snapshotter = new OverlaySnapshotter(Plain(Root));
        await CommitAsync(_snapshotter, "base", null, "base");
    }

    [TearDown]
    public void CloseStore() => _snapshotter.Dispose();

    [TestCaseSource(nameof(BadNames))]
    public async Task Names_that_break_the_rule_are_refused_everywhere(string name)
    {
        await _snapshotter.PrepareAsync("work", "base");
        foreach (Func<Task> use in (Func<Task>[])
        [
            () => _snapshotter.PrepareAsync(name, "base"),
            () => _snapshotter.ViewAsync(name, "base"),
            () => _snapshotter.CommitAsync(name, "work"),
            () => _snapshotter.AdoptAsync(name, null, LayerDiffId),
        ])
        {
            ContainerdException failure = await FailureOf(use);
            Assert.That(failure.Kind, Is.EqualTo(ErrorKind.InvalidArgument));
            Assert.That(failure.Subject, Is.EqualTo(name));
            Assert.That(failure.Message, Has.Length.LessThan(500).And.Not.Contain("\n").And.Not.Contain("\0"));
        }
        Assert.That(Entries("layers"), Has.Length.EqualTo(2));
        await _snapshotter.CommitAsync("fine", "work");
    }

    [TestCaseSource(nameof(BadNames))]
    public async Task Names_that_break_the_rule_are_nobodys(string name)
    {
        await _snapshotter.PrepareAsync("work", "base");
        Assert.That(await _snapshotter.FindAsync(name), Is.Null);
        foreach (Func<Task> use in (Func<Task>[])
        [
            () => _snapshotter.MountsAsync(name),
            () => _snapshotter.RemoveAsync(name),
            () => _snapshotter.UsageAsync(name),
            () => _snapshotter.UpdateAsync(name, LabelUpdate.Replace(new Dictionary<string, string>())),
            () => _snapshotter.CommitAsync("new", name),
            () => _snapshotter.PrepareAsync("new", name),
            () => _snapshotter.ViewAsync("new", name),
            () => _snapshotter.AdoptAsync("new", name, LayerDiffId),
            () => _snapshotter.CommitAsync("new", "empty", new() { Parent = name }),
        ])
        {
            ContainerdException failure = await FailureOf(use);
            Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotFound));
            Assert.That(failure.Message, Has.Length.LessThan(500));
        }
    }

    [TestCase("base\0tail", "base")]
    public async Task A_name_that_would_be_cut_or_mended_into_anothers_does_not_reach_it(string attack, string victim)
    {
        if (victim != "base")
            await CommitAsync(_snapshotter, victim, null, "file");
        Assert.That(await _snapshotter.FindAsync(attack), Is.Null);
        Assert.That((await FailureOf(() => _snapshotter.RemoveAsync(attack))).Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That((await FailureOf(() => _snapshotter.PrepareAsync("new", attack))).Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That(await ListAsync(_snapshotter, new() { Parent = attack }), Is.Empty);
        Assert.That(await _snapshotter.FindAsync(victim), Is.Not.Null);
    }

    // Made here: the arguments of attributes are stored as UTF-8, which has no lone surrogate.
    [TestCase("", 0xD800, "")]
    [TestCase("a", 0xD800, "")]
    [TestCase("", 0xDFFF, " tail")]
    [TestCase("🐋", 0xDC00, "b")]
    public async Task A_name_with_a_lone_surrogate_reaches_nobody(string head, int surrogate, string tail)
    {
        string attack = head + (char)surrogate + tail, victim = $"{head}\ufffd{tail}", active = $"active {head}\ufffd{tail}", other = $"active {attack}";
        Assert.That(attack, Is.Not.EqualTo(victim));
        await CommitAsync(_snapshotter, victim, null, "file");
        await _snapshotter.PrepareAsync(active, "base");
        Assert.That(await _snapshotter.FindAsync(attack), Is.Null);
        foreach (Func<Task> use in (Func<Task>[])
        [
            () => _snapshotter.RemoveAsync(attack),
            () => _snapshotter.RemoveAsync(other),
            () => _snapshotter.MountsAsync(other),
            () => _snapshotter.UsageAsync(attack),
            () => _snapshotter.UpdateAsync(attack, LabelUpdate.Replace(new Dictionary<string, string>())),
            () => _snapshotter.CommitAsync("new", other),
            () => _snapshotter.PrepareAsync("new", attack),
            () => _snapshotter.ViewAsync("new", attack),
            () => _snapshotter.AdoptAsync("new", attack, LayerDiffId),
        ])
        {
            ContainerdException failure = await FailureOf(use);
            Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotFound));
        }
        foreach (Func<Task> make in (Func<Task>[])[() => _snapshotter.PrepareAsync(attack, "base"), () => _snapshotter.ViewAsync(attack, "base"), () => _snapshotter.CommitAsync(attack, active)])
            Assert.That((await FailureOf(make)).Kind, Is.EqualTo(ErrorKind.InvalidArgument));
        Assert.That(await ListAsync(_snapshotter, new() { Parent = attack }), Is.Empty);
        Assert.That(await NamesAsync(_snapshotter), Is.EquivalentTo(new[] { "base", victim, active }));
    }

    [TestCase("/")]
    [TestCase("..")]
    [TestCase("../../escape")]
    [TestCase("/etc/escape")]
    [TestCase("'; DROP TABLE snapshot; --")]
    [TestCase("a b\\c:d,e%00")]
    [TestCase("日本語 🐋")]
    public async Task Names_never_become_paths_or_statements(string name)
    {
        await _snapshotter.PrepareAsync(name, "base");
        await _snapshotter.CommitAsync("committed " + name, name);
        Assert.That(Shown(await _snapshotter.ViewAsync(name, "committed " + name)), Is.EqualTo(new[] { "base" }));
        Assert.That(await NamesAsync(_snapshotter), Is.EquivalentTo(new[] { "base", name, "committed " + name }));
        Assert.That(Directory.GetFileSystemEntries(DirectoryPath).Select(Path.GetFileName), Is.EqualTo(new[] { "root" }));
        await _snapshotter.RemoveAsync(name);
    }

    [Test]
    public async Task Labels_over_their_limit_are_refused_and_those_at_it_are_not()
    {
        await _snapshotter.PrepareAsync("work", "base");
        var large = new Dictionary<string, string> { ["key"] = new string('x', 4094) };
        foreach (Func<Task> use in (Func<Task>[])
        [
            () => _snapshotter.PrepareAsync("new", options: new() { Labels = large }),
            () => _snapshotter.ViewAsync("new", "base", new() { Labels = large }),
            () => _snapshotter.CommitAsync("new", "work", new() { Labels = large }),
            () => _snapshotter.AdoptAsync("new", null, LayerDiffId, large),
            () => _snapshotter.UpdateAsync("base", LabelUpdate.Replace(large)),
            () => _snapshotter.UpdateAsync("base", LabelUpdate.Replace(new Dictionary<string, string> { [""] = "x" })),
        ])
        {
            Assert.That((await FailureOf(use)).Kind, Is.EqualTo(ErrorKind.InvalidArgument));
        }
        Assert.That((await _snapshotter.FindAsync("base"))!.Labels, Is.Empty);
        var fitting = new Dictionary<string, string> { ["key"] = new string('x', 4093) };
        await _snapshotter.CommitAsync("new", "work", new() { Labels = fitting });
        Assert.That((await _snapshotter.FindAsync("new"))!.Labels, Is.EquivalentTo(fitting));
    }

    [Test]
    public async Task A_parent_that_cannot_be_one_is_refused_before_anything_is_made()
    {
        await _snapshotter.PrepareAsync("active", "base");
        await _snapshotter.ViewAsync("view", "base");
        int made = 0;
        _snapshotter.Reached = step => made += step == StoreStep.TreeBegun ? 1 : 0;
        foreach ((string parent, ErrorKind kind) in ((string, ErrorKind)[])[("missing", ErrorKind.NotFound), ("active", ErrorKind.InvalidArgument), ("view", ErrorKind.InvalidArgument)])
        {
            foreach (Func<Task> use in (Func<Task>[])[() => _snapshotter.PrepareAsync("new", parent), () => _snapshotter.ViewAsync("new", parent), () => _snapshotter.AdoptAsync("new", parent, LayerDiffId)])
            {
                ContainerdException failure = await FailureOf(use);
                Assert.That(failure.Kind, Is.EqualTo(kind));
                Assert.That(failure.Message, Does.Contain($"'{parent}'"));
            }
        }
        Assert.That(made, Is.Zero);
        await _snapshotter.PrepareAsync("new", "base");
    }

    [Test]
    public async Task A_parent_removed_at_that_very_moment_is_not_found_and_nothing_is_left()
    {
        await _snapshotter.PrepareAsync("first", "base"); // so that the parent is remembered
        await _snapshotter.RemoveAsync("first");
        string[] before = Entries("layers");
        _snapshotter.Reached = step =>
        {
            if (step == StoreStep.TreeMade)
                _snapshotter.RemoveAsync("base").GetAwaiter().GetResult();
        };
        ContainerdException failure = await FailureOf(() => _snapshotter.PrepareAsync("work", "base"));
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That(failure.Message, Does.Contain("base"));
        Assert.That(Entries("layers"), Is.SubsetOf(before));
        _snapshotter.Reached = null;
        Assert.That(await NamesAsync(_snapshotter), Is.Empty);
        await CommitAsync(_snapshotter, "base", null, "renewed");
        Assert.That(Shown(await _snapshotter.PrepareAsync("work", "base")), Is.EqualTo(new[] { "renewed" }));
    }

    [Test]
    public async Task A_parent_replaced_at_that_very_moment_is_the_new_one()
    {
        await _snapshotter.PrepareAsync("first", "base");
        await _snapshotter.RemoveAsync("first");
        bool isReplaced = false;
        _snapshotter.Reached = step =>
        {
            if (step == StoreStep.TreeMade && !isReplaced)
            {
                isReplaced = true;
                _snapshotter.RemoveAsync("base").GetAwaiter().GetResult();
                string upper = UpperOf(_snapshotter.PrepareAsync("key").GetAwaiter().GetResult());
                Run("chown", "12:34", upper);
                File.WriteAllText(Path.Join(upper, "renewed"), "");
                _snapshotter.CommitAsync("base", "key").GetAwaiter().GetResult();
            }
        };
        IReadOnlyList<Mount> mounts = await _snapshotter.PrepareAsync("work", "base");
        Assert.That(isReplaced);
        Assert.That(Shown(mounts), Is.EqualTo(new[] { "renewed" }));
        Assert.That(Run("stat", "-c", "%u:%g", UpperOf(mounts)), Is.EqualTo("12:34"), "the owner is the new parent's too");
        Assert.That(await _snapshotter.MountsAsync("work"), Is.EqualTo(mounts));
        _snapshotter.Reached = null;
        await _snapshotter.CleanupAsync();
        Assert.That(Entries("layers"), Has.Length.EqualTo(2));
    }

    [Test]
    public async Task Of_commits_of_one_snapshot_one_wins()
    {
        await _snapshotter.PrepareAsync("work", "base");
        Task<ContainerdException?>[] commits = [.. Enumerable.Range(0, 8).Select(i => Task.Run(async () =>
        {
            try
            {
                await _snapshotter.CommitAsync($"name-{i}", "work");
                return null;
            }
            catch (ContainerdException e)
            {
                return e;
            }
        }))];
        ContainerdException?[] failures = await Task.WhenAll(commits);
        Assert.That(failures.Count(failure => failure is null), Is.EqualTo(1));
        Assert.That(failures.OfType<ContainerdException>().Select(failure => failure.Kind), Has.All.EqualTo(ErrorKind.NotFound));
        Assert.That((await FailureOf(() => _snapshotter.CommitAsync("again", "work"))).Kind, Is.EqualTo(ErrorKind.NotFound));
        await _snapshotter.PrepareAsync("work", "base");
        Assert.That((await FailureOf(() => _snapshotter.CommitAsync("base", "work"))).Kind, Is.EqualTo(ErrorKind.AlreadyExists));
        Assert.That((await FailureOf(() => _snapshotter.CommitAsync("work", "work"))).Kind, Is.EqualTo(ErrorKind.AlreadyExists));
        Assert.That((await FailureOf(() => _snapshotter.CommitAsync("new", "base"))).Kind, Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(Shown(await _snapshotter.MountsAsync("work")), Is.EqualTo(new[] { "base" }));
    }

    [Test]
    public async Task A_commit_under_its_own_key_finds_the_name_taken_and_leaves_the_work()
    {
        IReadOnlyList<Mount> mounts = await _snapshotter.PrepareAsync("work", "base"); // and remembered by the object
        Assert.That((await FailureOf(() => _snapshotter.CommitAsync("work", "work"))).Kind, Is.EqualTo(ErrorKind.AlreadyExists));
        Assert.That((await _snapshotter.FindAsync("work"))!.Kind, Is.EqualTo(SnapshotKind.Active));
        Assert.That(await _snapshotter.MountsAsync("work"), Is.EqualTo(mounts));
        await _snapshotter.CommitAsync("name", "work");
    }

    [Test]
    public async Task A_snapshot_removed_and_prepared_anew_while_it_is_committed_is_not_the_one()
    {
        await _snapshotter.PrepareAsync("work", "base");
        bool isReplaced = false;
        _snapshotter.Reached = step =>
        {
            if (step == StoreStep.TreeMeasured && !isReplaced)
            {
                isReplaced = true;
                _snapshotter.RemoveAsync("work").GetAwaiter().GetResult();
                _snapshotter.PrepareAsync("work", "base").GetAwaiter().GetResult();
            }
        };
        // With a diff ID, the tree is looked up before it is measured, not taken for the one that this object prepared.
        var options = new SnapshotCommitOptions { DiffId = Digest.Sha256("layer"u8) };
        Assert.That((await FailureOf(() => _snapshotter.CommitAsync("name", "work", options))).Kind, Is.EqualTo(ErrorKind.NotFound));
        _snapshotter.Reached = null;
        Assert.That(await _snapshotter.FindAsync("name"), Is.Null);
        await _snapshotter.CommitAsync("name", "work");
    }

    [Test]
    public async Task Parents_in_use_are_not_removed()
    {
        await _snapshotter.ViewAsync("view", "base");
        ContainerdException failure = await FailureOf(() => _snapshotter.RemoveAsync("base"));
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(failure.Message, Does.Contain("base"));
        Assert.That(Shown(await _snapshotter.MountsAsync("view")), Is.EqualTo(new[] { "base" }));
        await _snapshotter.RemoveAsync("view");
        await _snapshotter.RemoveAsync("base");
        Assert.That((await FailureOf(() => _snapshotter.RemoveAsync("base"))).Kind, Is.EqualTo(ErrorKind.NotFound));
    }

    [TestCase("0:1000:10", "")]
    [TestCase("", "0:1000:10")]
    [TestCase("0:1000:10,5:2000:10", "0:1000:10")]
    [TestCase("0:1000:10", "0:1000:10,20:1005:10")]
    [TestCase("0:1000:0", "0:1000:10")]
    [TestCase("0:4294967290:10", "0:1000:10")]
    [TestCase("4294967295:0:1", "0:1000:10")]
    public async Task Maps_of_IDs_that_cannot_be_are_refused(string users, string groups)
    {
        foreach (Func<SnapshotOptions, Task> make in (Func<SnapshotOptions, Task>[])[options => _snapshotter.PrepareAsync("mapped", "base", options), options => _snapshotter.ViewAsync("mapped", "base", options)])
        {
            ContainerdException failure = await FailureOf(() => make(new() { UserMappings = MapsOf(users), GroupMappings = MapsOf(groups) }));
            Assert.That(failure.Kind, Is.EqualTo(ErrorKind.InvalidArgument));
            Assert.That(failure.Message, Does.Contain("mapped"));
            Assert.That(failure.Subject, Is.EqualTo("mapped"));
        }
        Assert.That(Entries("layers"), Has.Length.EqualTo(1));
        await _snapshotter.PrepareAsync("mapped", "base", new() { UserMappings = MapsOf("0:1000:10,10:2000:5"), GroupMappings = MapsOf("0:1000:10") });
    }

    [Test]
    public async Task A_chain_of_300_layers_is_prepared_and_mounted()
    {
        string parent = "base";
        for (int i = 1; i < 300; i++)
        {
            await CommitAsync(_snapshotter, $"layer-{i:d3}", parent, $"file-{i:d3}");
            parent = $"layer-{i:d3}";
        }
        IReadOnlyList<Mount> mounts = await _snapshotter.PrepareAsync("work", parent);
        Assert.That(OverlayMount.TryParse(mounts[0], out OverlayMount? overlay) ? overlay.LowerDirectories.Length : 0, Is.EqualTo(300));
        string[] shown = Shown(mounts);
        Assert.That(shown, Has.Length.EqualTo(300).And.Contain("base").And.Contain("file-299"));
        Assert.That(Shown(await _snapshotter.ViewAsync("view", parent)), Is.EqualTo(shown));
        Assert.That(await _snapshotter.MountsAsync("work"), Is.EqualTo(mounts));
    }

    [Test]
    public async Task A_number_that_a_directory_has_already_is_left_out()
    {
        foreach (int stale in (int[])[2, 3])
            Directory.CreateDirectory(Path.Join(Root, $"layers/{stale}/fs"));
        string upper = UpperOf(await _snapshotter.PrepareAsync("work", "base"));
        Assert.That(upper, Does.EndWith("/layers/4/fs"));
        await _snapshotter.CleanupAsync();
        Assert.That(Entries("layers"), Is.EqualTo(new[] { "1", "4" }));
    }

    [Test]
    public void Null_is_the_callers_mistake()
    {
        Assert.That(async () => await _snapshotter.PrepareAsync(null!), Throws.InstanceOf<ArgumentNullException>());
        Assert.That(async () => await _snapshotter.FindAsync(null!), Throws.InstanceOf<ArgumentNullException>());
        Assert.That(async () => await _snapshotter.AdoptAsync("name", null, default), Throws.InstanceOf<ArgumentException>());
    }

    private static IReadOnlyList<IdMapping> MapsOf(string text) =>
    [
        .. text.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(range => range.Split(':').Select(uint.Parse).ToArray()).Select(numbers => new IdMapping(numbers[0], numbers[1], numbers[2])),
    ];
}
