namespace Containerd.Snapshots;

public class AdditionalStoreTests : StoreContentTest
{
    private OverlaySnapshotter _other = null!;

    private string Other => Path.Join(DirectoryPath, "other");

    [SetUp]
    public async Task MakeOther()
    {
        _other = new OverlaySnapshotter(Plain(Other));
        await CommitAsync(_other, "base", null, "base");
        await CommitAsync(_other, "layer", "base", "file", SharedLayer);
    }

    [TearDown]
    public void CloseOther() => _other.Dispose();

    [Test]
    public async Task Snapshots_of_another_store_are_parents()
    {
        await using (var snapshotter = Open(Other))
        {
            Assert.That(Shown(await snapshotter.PrepareAsync("work", "layer")), Is.EqualTo(new[] { "base", "file" }));
            await File.WriteAllTextAsync(Path.Join(UpperOf(await snapshotter.MountsAsync("work")), "top"), "top");
            Assert.That(Entries("layers"), Has.Length.EqualTo(1), "nothing of the other's is copied");
            await snapshotter.CommitAsync("top", "work");
            Assert.That(Shown(await snapshotter.ViewAsync("view", "top")), Is.EqualTo(new[] { "base", "file", "top" }));
            Assert.That(Shown(await snapshotter.ViewAsync("view of the other's", "layer")), Is.EqualTo(new[] { "base", "file" }));
            Assert.That((await snapshotter.FindAsync("top"))!.Parent, Is.EqualTo("layer"));
            Assert.That(await snapshotter.UsageAsync("layer"), Is.EqualTo(await _other.UsageAsync("layer")));
            Assert.That(await snapshotter.VerifyAsync(), Is.Empty);
        }
        await using var alone = new OverlaySnapshotter(Plain(Root));
        Assert.That(Shown(await alone.MountsAsync("view")), Is.EqualTo(new[] { "base", "file", "top" }), "also where the option is not given");
    }

    [Test]
    public async Task They_are_found_and_listed_once_each()
    {
        await using var snapshotter = Open(Other);
        Assert.That(await NamesAsync(snapshotter), Is.EqualTo(new[] { "base", "layer" }));
        Assert.That((await snapshotter.FindAsync("layer"))!.Parent, Is.EqualTo("base"));
        await snapshotter.PrepareAsync("work", "layer");
        await _other.PrepareAsync("the other's own", "layer");
        Assert.That(await NamesAsync(snapshotter), Is.EqualTo(new[] { "base", "layer", "work" }));
        Assert.That((await ListAsync(snapshotter, new() { Parent = "base" })).Select(info => info.Name), Is.EqualTo(new[] { "layer" }));
        Assert.That(await snapshotter.FindAsync("the other's own"), Is.Null, "only what is committed is lent");
        await CommitAsync(_other, "new", "layer", "new");
        Assert.That(Shown(await snapshotter.ViewAsync("view", "new")), Is.EqualTo(new[] { "base", "file", "new" }), "the other is not as it was when it was opened");
    }

    [Test]
    public async Task Of_one_name_the_first_store_counts()
    {
        await using (var own = new OverlaySnapshotter(Plain(Root)))
            await CommitAsync(own, "base", null, "own");
        string third = Path.Join(DirectoryPath, "third");
        await using (var making = new OverlaySnapshotter(Plain(third)))
            await CommitAsync(making, "layer", null, "third");
        await using var snapshotter = Open(third, Other);
        Assert.That(Shown(await snapshotter.ViewAsync("view of base", "base")), Is.EqualTo(new[] { "own" }));
        Assert.That(Shown(await snapshotter.ViewAsync("view of layer", "layer")), Is.EqualTo(new[] { "third" }));
        Assert.That((await ListAsync(snapshotter)).Count(info => info.Name is "base" or "layer"), Is.EqualTo(2));
        Assert.That((await snapshotter.FindAsync("layer"))!.Parent, Is.Null);
    }

    [Test]
    public async Task A_chain_goes_through_several_stores()
    {
        string third = Path.Join(DirectoryPath, "third");
        await using var middle = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = third, AdditionalRoots = [Other], CleansInBackground = false });
        await CommitAsync(middle, "middle", "layer", "middle");
        await using var snapshotter = Open(third);
        await CommitAsync(snapshotter, "top", "middle", "top");
        IReadOnlyList<Mount> mounts = await snapshotter.PrepareAsync("work", "top");
        Assert.That(Shown(mounts), Is.EqualTo(new[] { "base", "file", "middle", "top" }));
        Assert.That(string.Join(' ', mounts[0].Options), Does.Contain(Other).And.Contain(third).And.Contain(Root));
    }

    [Test]
    public async Task A_layer_of_another_store_is_adopted_without_a_copy()
    {
        await using var snapshotter = Open(Other);
        await CommitAsync(snapshotter, "my base", null, "mine");
        SnapshotInfo? adopted = await snapshotter.AdoptAsync("adopted", "my base", LayerDiffId, new Dictionary<string, string> { ["a"] = "b" });
        Assert.That((adopted?.Parent, adopted?.Labels["a"]), Is.EqualTo(("my base", "b")));
        Assert.That(Entries("layers"), Has.Length.EqualTo(1));
        Assert.That(Shown(await snapshotter.ViewAsync("view", "adopted")), Is.EqualTo(new[] { "file", "mine" }));
        Assert.That(await snapshotter.UsageAsync("adopted"), Is.EqualTo(await _other.UsageAsync("layer")));
        Assert.That(await snapshotter.AdoptAsync("over the other's", "base", LayerDiffId), Is.Not.Null);
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty);

        // It is this store's snapshot, though not its tree.
        await snapshotter.UpdateAsync("adopted", LabelUpdate.Replace(new Dictionary<string, string>()));
        await snapshotter.RemoveAsync("view");
        string[] before = OnDisk(Path.Join(Other, "layers"));
        await snapshotter.RemoveAsync("adopted");
        await snapshotter.CleanupAsync();
        Assert.That(OnDisk(Path.Join(Other, "layers")), Is.EqualTo(before));
    }

    [Test]
    public async Task A_layer_that_the_other_store_has_lost_is_not_adopted()
    {
        await using var snapshotter = Open(Other);
        foreach (string tree in Directory.GetDirectories(Path.Join(Other, "layers")))
            Directory.Delete(tree, recursive: true);
        Assert.That(await snapshotter.AdoptAsync("adopted", null, LayerDiffId), Is.Null);
    }

    [Test]
    public async Task Their_names_are_taken()
    {
        await using var snapshotter = Open(Other);
        await snapshotter.PrepareAsync("work");
        Assert.That((await FailureOf(() => snapshotter.PrepareAsync("layer"))).Kind, Is.EqualTo(ErrorKind.AlreadyExists));
        Assert.That((await FailureOf(() => snapshotter.ViewAsync("layer", "base"))).Kind, Is.EqualTo(ErrorKind.AlreadyExists));
        Assert.That((await FailureOf(() => snapshotter.CommitAsync("layer", "work"))).Kind, Is.EqualTo(ErrorKind.AlreadyExists));
        Assert.That((await FailureOf(() => snapshotter.AdoptAsync("layer", null, LayerDiffId))).Kind, Is.EqualTo(ErrorKind.AlreadyExists));
        Assert.That(Entries("layers"), Has.Length.EqualTo(1));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task They_cannot_be_removed_or_labelled(bool isInUse)
    {
        await using var snapshotter = Open(Other);
        if (isInUse)
        {
            await snapshotter.ViewAsync("view", "layer");
            await snapshotter.RemoveAsync("view");
            await snapshotter.ViewAsync("view of base", "base");
        }
        foreach (string name in (string[])["layer", "base"])
        {
            ContainerdException failure = await FailureOf(() => snapshotter.RemoveAsync(name));
            Assert.That(failure.Kind, Is.EqualTo(ErrorKind.PermissionDenied), failure.Message);
            Assert.That(failure.Message, Does.Contain(name).And.Contain("additional"));
            failure = await FailureOf(() => snapshotter.UpdateAsync(name, LabelUpdate.Replace(new Dictionary<string, string> { ["a"] = "b" })));
            Assert.That(failure.Kind, Is.EqualTo(ErrorKind.PermissionDenied), failure.Message);
        }
        Assert.That((await snapshotter.FindAsync("base"))!.Labels, Is.Empty);
        Assert.That((await FailureOf(() => snapshotter.MountsAsync("layer"))).Kind, Is.EqualTo(ErrorKind.FailedPrecondition));
    }

    [Test]
    public async Task What_is_replaced_there_when_nothing_here_uses_it_is_the_new_one_here()
    {
        await using var snapshotter = Open(Other);
        await snapshotter.PrepareAsync("work", "layer");
        await snapshotter.RemoveAsync("work");
        await _other.RemoveAsync("layer");
        await _other.CleanupAsync();
        Assert.That(await snapshotter.FindAsync("layer"), Is.Null);
        await CommitAsync(_other, "layer", "base", "renewed");
        Assert.That(Shown(await snapshotter.PrepareAsync("work", "layer")), Is.EqualTo(new[] { "base", "renewed" }));
    }

    [Test]
    public async Task What_was_given_back_and_borrowed_again_lies_on_the_base_of_then()
    {
        await using (var own = new OverlaySnapshotter(Plain(Root)))
            await CommitAsync(own, "base", null, "own");
        await using var first = Open(Other);
        await using var second = Open(Other);
        Assert.That(Shown(await first.PrepareAsync("work", "layer")), Is.EqualTo(new[] { "file", "own" }));
        await first.RemoveAsync("work");
        await first.RemoveAsync("base");
        await second.PrepareAsync("keeps it borrowed", "layer");
        IReadOnlyList<Mount> mounts = await first.PrepareAsync("work", "layer");
        Assert.That(mounts, Is.EqualTo(await first.MountsAsync("work")));
        Assert.That(Shown(mounts), Is.EqualTo(new[] { "base", "file" }));
    }


    [Test]
    public async Task Many_take_and_give_back_one_parent_at_once()
    {
        await using var first = Open(Other);
        await using var second = Open(Other);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            OverlaySnapshotter snapshotter = worker % 2 == 0 ? first : second;
            for (int i = 0; i < 25; i++)
            {
                if (worker < 2)
                    await snapshotter.ViewAsync($"work-{worker}", "layer");
                else
                    await snapshotter.PrepareAsync($"work-{worker}", "layer");
                await snapshotter.RemoveAsync($"work-{worker}");
            }
        })));
        Assert.That(await NamesAsync(first), Is.EqualTo(new[] { "base", "layer" }));
        using MetadataConnection connection = MetadataConnection.Open(Path.Join(Root, "metadata.db"), 5000, Durability.Relaxed);
        Assert.That(connection.QueryInteger("SELECT COUNT(*) FROM snapshot"), Is.Zero, "nothing is left of what was borrowed");
    }

    [Test]
    public async Task What_a_repair_gives_back_stays_lent_to_others()
    {
        await using var snapshotter = Open(Other);
        await snapshotter.PrepareAsync("x", "base");
        await snapshotter.CommitAsync("own", "x");
        await snapshotter.ViewAsync("view", "layer");
        Directory.Delete(Path.GetDirectoryName(Directory.GetFiles(Other, "file", SearchOption.AllDirectories).Single())!, recursive: true);

        SnapshotRepairResult result = await snapshotter.RepairAsync();
        Assert.That(result.Removed, Is.EquivalentTo(new[] { "view", "layer" }));
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty);
        Assert.That(Shown(await snapshotter.ViewAsync("view of own", "own")), Is.EqualTo(new[] { "base" }));
        using MetadataConnection connection = MetadataConnection.Open(Path.Join(Root, "metadata.db"), 5000, Durability.Relaxed);
        Assert.That(connection.QueryInteger("SELECT children FROM snapshot WHERE name = 'base' AND is_borrowed"), Is.EqualTo(1));
    }

    [Test]
    public async Task Clean_up_and_repair_never_touch_them()
    {
        await using var snapshotter = Open(Other);
        await snapshotter.PrepareAsync("work", "layer");
        await snapshotter.ViewAsync("view", "base");
        string[] before = OnDisk(Path.Join(Other, "layers"));
        await snapshotter.CleanupAsync();
        Assert.That(OnDisk(Path.Join(Other, "layers")), Is.EqualTo(before));

        await File.AppendAllTextAsync(Directory.GetFiles(Other, "file", SearchOption.AllDirectories).Single(), "damage");
        before = OnDisk(Path.Join(Other, "layers"));
        Assert.That((await snapshotter.VerifyAsync()).Select(defect => (defect.Kind, defect.Snapshot)), Is.EqualTo(new[] { (SnapshotDefectKind.ChangedTree, "layer") }));
        SnapshotRepairResult result = await snapshotter.RepairAsync(new() { RemoveActive = true, RemoveForeign = true });
        Assert.That(result.Removed, Is.EqualTo(new[] { "work", "layer" }));
        Assert.That(OnDisk(Path.Join(Other, "layers")), Is.EqualTo(before));
        Assert.That(await _other.FindAsync("layer"), Is.Not.Null);
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_layer_is_fitted_onto_a_parent_of_another_store(bool isBorrowedMeanwhile)
    {
        await using var snapshotter = Open(Other);
        await File.WriteAllTextAsync(Path.Join(UpperOf(await snapshotter.PrepareAsync("key", options: new() { IsLayer = true })), "new"), "new");
        snapshotter.Reached = step =>
        {
            if (step == StoreStep.TreeRebased && isBorrowedMeanwhile)
                snapshotter.ViewAsync("other", "layer").GetAwaiter().GetResult();
        };
        await snapshotter.CommitAsync("top", "key", new() { Parent = "layer" });
        snapshotter.Reached = null;
        Assert.That(Shown(await snapshotter.ViewAsync("view", "top")), Is.EqualTo(new[] { "base", "file", "new" }));
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty);
    }

    [Test]
    public async Task A_parent_that_is_replaced_there_while_a_layer_is_fitted_onto_it_is_not_found()
    {
        await using var snapshotter = Open(Other);
        await snapshotter.ViewAsync("view", "layer"); // borrowed, and given back below
        await File.WriteAllTextAsync(Path.Join(UpperOf(await snapshotter.PrepareAsync("key", options: new() { IsLayer = true })), "new"), "new");
        snapshotter.Reached = step =>
        {
            if (step == StoreStep.TreeRebased)
            {
                snapshotter.Reached = null;
                snapshotter.RemoveAsync("view").GetAwaiter().GetResult();
                _other.RemoveAsync("layer").GetAwaiter().GetResult();
                CommitAsync(_other, "layer", null, "renewed").GetAwaiter().GetResult();
                snapshotter.ViewAsync("other", "layer").GetAwaiter().GetResult();
            }
        };
        ContainerdException failure = await FailureOf(() => snapshotter.CommitAsync("top", "key", new() { Parent = "layer" }));
        Assert.That((failure.Kind, failure.Subject), Is.EqualTo((ErrorKind.NotFound, "layer")));
        await snapshotter.CommitAsync("top", "key", new() { Parent = "layer" });
        Assert.That(Shown(await snapshotter.ViewAsync("view", "top")), Is.EqualTo(new[] { "new", "renewed" }));
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty);
    }

    [Test]
    public async Task Labels_given_there_after_it_was_borrowed_are_shown()
    {
        await using var snapshotter = Open(Other);
        await snapshotter.PrepareAsync("work", "layer");
        await _other.UpdateAsync("layer", LabelUpdate.Replace(new Dictionary<string, string> { ["new"] = "label" }));
        Assert.That((await snapshotter.FindAsync("layer"))!.Labels["new"], Is.EqualTo("label"));
        Assert.That((await ListAsync(snapshotter)).Single(info => info.Name == "layer").Labels["new"], Is.EqualTo("label"));
        Assert.That((await ListAsync(snapshotter, new() { Labels = new Dictionary<string, string> { ["new"] = "label" } })).Select(info => info.Name), Is.EqualTo(new[] { "layer" }));

        await _other.RemoveAsync("layer"); // which its owner must not, and then it is what was borrowed that counts here
        Assert.That((await snapshotter.FindAsync("layer"))!.Parent, Is.EqualTo("base"));
        await CommitAsync(_other, "layer", null, "another");
        Assert.That((await snapshotter.FindAsync("layer"))!.Parent, Is.EqualTo("base"));
    }

    [Test]
    public async Task To_read_only_and_for_writing_a_name_that_both_stores_have_means_the_same()
    {
        await using (var own = new OverlaySnapshotter(Plain(Root)))
        {
            await CommitAsync(own, "under", null, "under");
            await CommitAsync(own, "base", "under", "own");
        }
        string[] expected = ["file", "own", "under"];
        await using (var reading = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, IsReadOnly = true, AdditionalRoots = [Other] }))
            Assert.That(Shown(await reading.ViewAsync("view", "layer")), Is.EqualTo(expected));
        await using OverlaySnapshotter snapshotter = Open(Other);
        string upper = UpperOf(await snapshotter.PrepareAsync("fitting", options: new() { IsLayer = true }));
        await File.WriteAllTextAsync(Path.Join(upper, "top"), "top");
        await snapshotter.CommitAsync("top", "fitting", new() { Parent = "layer" });
        Assert.That(Shown(await snapshotter.ViewAsync("view", "layer")), Is.EqualTo(expected));
        Assert.That(Shown(await snapshotter.ViewAsync("view of top", "top")), Is.EqualTo(new[] { "file", "own", "top", "under" }));
    }

    [Test]
    public async Task A_parent_of_its_own_that_comes_while_the_other_stores_is_copied_counts()
    {
        string lender = Path.Join(DirectoryPath, "lender");
        await using (var lending = new NativeSnapshotter(new LocalSnapshotterOptions { Root = lender, Durability = Durability.Relaxed }))
        {
            await File.WriteAllTextAsync(Path.Join((await lending.PrepareAsync("x"))[0].Source, "lent"), "lent");
            await lending.CommitAsync("base", "x");
        }
        await using var snapshotter = new NativeSnapshotter(new LocalSnapshotterOptions { Root = Root, Durability = Durability.Relaxed, AdditionalRoots = [lender], CleansInBackground = false });
        await using var alone = new NativeSnapshotter(new LocalSnapshotterOptions { Root = Root, Durability = Durability.Relaxed, CleansInBackground = false });
        await File.WriteAllTextAsync(Path.Join((await alone.PrepareAsync("x"))[0].Source, "own"), "own");
        snapshotter.Reached = step =>
        {
            if (step == StoreStep.TreeMade)
            {
                snapshotter.Reached = null;
                alone.CommitAsync("base", "x").GetAwaiter().GetResult();
            }
        };
        Assert.That(Shown(await snapshotter.PrepareAsync("work", "base")), Is.EqualTo(new[] { "own" }));
        Assert.That(Entries("layers"), Has.Length.EqualTo(2), "the copy that was made before is gone");
    }

    [Test]
    public async Task A_parent_whose_name_has_a_lone_surrogate_is_nobodys_there_either()
    {
        await CommitAsync(_other, "a\ufffd", null, "file");
        await using var snapshotter = Open(Other);
        string attack = "a" + (char)0xD800;
        foreach (Func<Task> use in (Func<Task>[])[() => snapshotter.PrepareAsync("new", attack), () => snapshotter.ViewAsync("new", attack), () => snapshotter.AdoptAsync("new", attack, LayerDiffId)])
            Assert.That((await FailureOf(use)).Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That(await NamesAsync(snapshotter), Is.EqualTo(new[] { "a\ufffd", "base", "layer" }));
    }

    [Test]
    public async Task A_damaged_tree_of_another_store_says_nothing_of_the_own_one_of_that_number()
    {
        await using var snapshotter = Open(Other);
        await CommitAsync(snapshotter, "own", null, "file", SharedLayer); // tree 1 here, as the other's base there
        await snapshotter.PrepareAsync("work", "base");
        string damaged = Path.Join(Other, "layers/1/fs/base");
        Assert.That(File.Exists(Path.Join(Root, "layers/1/fs/file")) && File.Exists(damaged));
        await File.AppendAllTextAsync(damaged, "damage");
        Assert.That((await snapshotter.RepairAsync()).Remaining.Select(defect => defect.Snapshot), Is.EqualTo(new[] { "base" }));
        _other.Dispose();
        await using var alone = new OverlaySnapshotter(Plain(Root));
        Assert.That(await alone.AdoptAsync("again", null, LayerDiffId), Is.Not.Null);
    }

    [Test]
    public async Task What_is_borrowed_or_given_back_while_it_is_listed_is_listed_once()
    {
        await using var snapshotter = Open(Other);
        await CommitAsync(snapshotter, "own", null, "own");
        var names = new List<string>();
        await foreach (SnapshotInfo info in snapshotter.ListAsync())
        {
            names.Add(info.Name);
            if (info.Name == "own")
                await snapshotter.PrepareAsync("work", "layer");
        }
        Assert.That(names, Is.EquivalentTo(new[] { "base", "layer", "own" }));

        names.Clear();
        await foreach (SnapshotInfo info in snapshotter.ListAsync())
        {
            names.Add(info.Name);
            if (info.Name == "work")
                await snapshotter.RemoveAsync("work");
        }
        Assert.That(names, Is.EquivalentTo(new[] { "base", "layer", "own", "work" }));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_name_that_is_removed_from_the_first_store_while_it_is_listed_is_listed_once(bool isOwn)
    {
        string third = Path.Join(DirectoryPath, "third");
        await using var first = new OverlaySnapshotter(Plain(isOwn ? Root : third));
        await CommitAsync(first, "layer", null, "first");
        if (isOwn)
            new OverlaySnapshotter(Plain(third)).Dispose();
        await using var snapshotter = Open(third, Other);
        var names = new List<string>();
        await foreach (SnapshotInfo info in snapshotter.ListAsync())
        {
            names.Add(info.Name);
            if (info.Name == "layer")
                await first.RemoveAsync("layer");
        }
        Assert.That(names, Is.EquivalentTo(new[] { "base", "layer" }));
    }

    [Test]
    public async Task A_store_to_read_only_has_additional_ones_too()
    {
        await using (var own = new OverlaySnapshotter(Plain(Root)))
            await CommitAsync(own, "own", null, "own");
        string[] before = OnDisk(Root);
        await using (var reader = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, IsReadOnly = true, AdditionalRoots = [Other] }))
        {
            Assert.That(await NamesAsync(reader), Is.EqualTo(new[] { "base", "layer", "own" }));
            Assert.That(Shown(await reader.ViewAsync("view", "layer")), Is.EqualTo(new[] { "base", "file" }));
        }
        Assert.That(OnDisk(Root), Is.EqualTo(before));
    }

    [Test]
    public async Task One_that_is_missing_or_of_another_kind_is_refused_by_name()
    {
        string missing = Path.Join(DirectoryPath, "missing"), native = Path.Join(DirectoryPath, "native"), old = Path.Join(DirectoryPath, "old");
        new NativeSnapshotter(native).Dispose();
        FormatOneStore.Make(old);
        foreach ((string root, ErrorKind kind) in ((string, ErrorKind)[])[(missing, ErrorKind.NotFound), (native, ErrorKind.FailedPrecondition), (old, ErrorKind.NotSupported)])
        {
            ContainerdException failure = Assert.Throws<ContainerdException>(() => Open(Other, root))!;
            Assert.That(failure.Kind, Is.EqualTo(kind));
            Assert.That(failure.Message, Does.Contain(root));
        }
        Assert.That(Directory.Exists(missing), Is.False);
        Assert.That(await File.ReadAllTextAsync(Path.Join(old, "format")), Does.Contain("\"format\":1"));
        await using var snapshotter = Open(Other);
        await snapshotter.PrepareAsync("work", "layer");
    }

    [Test]
    public async Task Native_snapshots_are_copied_from_another_store()
    {
        string lender = Path.Join(DirectoryPath, "native-1"), borrower = Path.Join(DirectoryPath, "native-2");
        await using (var lending = new NativeSnapshotter(lender))
        {
            await File.WriteAllTextAsync(Path.Join((await lending.PrepareAsync("key"))[0].Source, "file"), "text");
            await lending.CommitAsync("layer", "key");
        }
        await using var snapshotter = new NativeSnapshotter(new LocalSnapshotterOptions { Root = borrower, AdditionalRoots = [lender] });
        Assert.That(Shown(await snapshotter.PrepareAsync("work", "layer")), Is.EqualTo(new[] { "file" }));
        Assert.That((await snapshotter.ViewAsync("view", "layer"))[0].Source, Does.StartWith(lender));
    }

    [Test]
    public async Task What_is_replaced_there_while_it_is_copied_is_copied_again()
    {
        string lender = Path.Join(DirectoryPath, "native-1"), borrower = Path.Join(DirectoryPath, "native-2");
        await using var lending = new NativeSnapshotter(lender);
        await CommitAsync("old");
        await using var snapshotter = new NativeSnapshotter(new LocalSnapshotterOptions { Root = borrower, AdditionalRoots = [lender], CleansInBackground = false });
        snapshotter.Reached = step =>
        {
            if (step != StoreStep.TreeMade)
                return;
            snapshotter.Reached = null;
            lending.RemoveAsync("layer").GetAwaiter().GetResult();
            CommitAsync("new").GetAwaiter().GetResult();
            snapshotter.ViewAsync("view", "layer").GetAwaiter().GetResult();
        };
        Assert.That(Shown(await snapshotter.PrepareAsync("work", "layer")), Is.EqualTo(new[] { "new" }), "what its parent is");
        await snapshotter.CleanupAsync();
        Assert.That(StoreInvariants.GarbageOf(snapshotter), Is.Empty);

        async Task CommitAsync(string file)
        {
            await File.WriteAllTextAsync(Path.Join((await lending.PrepareAsync("key"))[0].Source, file), "text");
            await lending.CommitAsync("layer", "key");
        }
    }

    private OverlaySnapshotter Open(params string[] additional) =>
        new(new OverlaySnapshotterOptions { Root = Root, AdditionalRoots = [.. additional], Durability = Durability.Relaxed, CleansInBackground = false });
}
