namespace Containerd.Snapshots;

public class StoreVerificationTests : StoreContentTest
{
    [Test]
    public async Task A_store_in_use_has_no_defect()
    {
        await using var snapshotter = await MakeAsync();
        using IDetachedMount tree = Mounter.MountDetached(await snapshotter.MountsAsync("work"));
        await File.WriteAllTextAsync(Path.Join(tree.Path, "top/written"), "text");
        File.Delete(Path.Join(tree.Path, "top/file"));
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty);
    }

    [TestCase("truncate -s 0 top/file")]
    [TestCase("truncate -s 3 top/file")]
    [TestCase("chmod 600 top/file")]
    [TestCase("chmod 700 top")]
    [TestCase("chown 1:2 top/deep")]
    [TestCase("chown -h 1:2 top/link")]
    [TestCase("touch -d 2020-01-01 top/file")]
    [TestCase("touch top/extra")]
    [TestCase("rm top/file")]
    [TestCase("mv top/file top/renamed")]
    [TestCase("mv top/deep/inner top/inner")]
    [TestCase("ln -sfn elsewhere top/link")]
    [TestCase("rmdir top/deep/inner")]
    [TestCase("mkdir top/deep/inner/more")]
    public async Task A_committed_tree_that_somebody_changed_is_found(string change)
    {
        ArgumentNullException.ThrowIfNull(change);
        await using var snapshotter = await MakeAsync();
        string tree = Path.GetDirectoryName(Directory.GetDirectories(Path.Join(Root, "layers"), "top", SearchOption.AllDirectories).Single())!;
        string[] words = change.Split(' ');
        Run("env", ["-C", tree, .. words]);
        IReadOnlyList<SnapshotDefect> defects = await snapshotter.VerifyAsync();
        Assert.That(defects.Select(defect => (defect.Kind, defect.Snapshot, defect.Path)), Is.EqualTo(new[] { (SnapshotDefectKind.ChangedTree, "layer", tree) }));
        Assert.That(defects[0].Description, Does.Contain("committed"));
        Assert.That(await NamesAsync(snapshotter), Has.Length.EqualTo(4), "nothing is changed");
    }

    [Test]
    public async Task A_file_replaced_by_one_of_the_same_size_and_time_is_beyond_it()
    {
        await using var snapshotter = await MakeAsync();
        string file = Directory.GetFiles(Path.Join(Root, "layers"), "file", SearchOption.AllDirectories).Single();
        string same = Path.Join(DirectoryPath, "same");
        Run("cp", "-p", file, same);
        await File.WriteAllTextAsync(file, "FILE");
        Run("touch", "-r", same, file);
        Assert.That(await snapshotter.VerifyAsync(), Is.Empty, "contents are not compared, as documented");
    }

    [Test]
    public async Task Missing_trees_are_found_with_everyone_who_has_them()
    {
        await using var snapshotter = await MakeAsync();
        await CommitAsync(snapshotter, "first", "base", "shared", SharedLayer);
        await snapshotter.AdoptAsync("second", "layer", LayerDiffId);
        string shared = Path.GetDirectoryName(Directory.GetFiles(Path.Join(Root, "layers"), "shared", SearchOption.AllDirectories).Single())!;
        string work = UpperOf(await snapshotter.MountsAsync("work")), view = (await snapshotter.ViewAsync("empty view"))[0].Source;
        foreach (string tree in (string[])[shared, work, view])
            Directory.Delete(tree, recursive: true);
        IReadOnlyList<SnapshotDefect> defects = await snapshotter.VerifyAsync();
        Assert.That(defects.Select(defect => (defect.Kind, defect.Snapshot, defect.Path)), Is.EquivalentTo(new[]
        {
            (SnapshotDefectKind.MissingTree, "first", shared),
            (SnapshotDefectKind.MissingTree, "second", shared),
            (SnapshotDefectKind.MissingTree, "work", work),
            (SnapshotDefectKind.MissingTree, "empty view", view),
        }));
        Assert.That(defects, Is.Ordered.By(nameof(SnapshotDefect.Path)));
    }

    [Test]
    public async Task What_no_snapshotter_has_put_there_is_found()
    {
        await using var snapshotter = await MakeAsync();
        string[] foreign = [.. ((string[])["007", "9999999", "notes"]).Select(name => Path.Join(Root, "layers", name))];
        Directory.CreateDirectory(foreign[0]);
        Directory.CreateDirectory(foreign[1]);
        await File.WriteAllTextAsync(foreign[2], "text");
        IReadOnlyList<SnapshotDefect> defects = await snapshotter.VerifyAsync();
        Assert.That(defects.Select(defect => (defect.Kind, defect.Snapshot, defect.Path)), Is.EqualTo(foreign.Select(path => (SnapshotDefectKind.ForeignEntry, (string?)null, path))));
    }

    [Test]
    public async Task A_database_that_can_be_opened_and_is_not_whole_is_found()
    {
        await (await MakeAsync()).DisposeAsync();
        string database = Path.Join(Root, "metadata.db");
        using (FileStream file = File.OpenWrite(database))
        {
            file.Position = 36; // the number of free pages, of which there are a few
            file.Write([0, 0, 1, 0]);
        }
        await using var snapshotter = new OverlaySnapshotter(Plain(Root));
        IReadOnlyList<SnapshotDefect> defects = await snapshotter.VerifyAsync();
        Assert.That(defects.Select(defect => (defect.Kind, defect.Snapshot, defect.Path)), Is.EqualTo(new[] { (SnapshotDefectKind.DamagedMetadata, (string?)null, database) }));
        Assert.That((await snapshotter.RepairAsync()).Remaining, Is.EqualTo(defects), "that only a recovery mends");
    }

    [TestCase("UPDATE snapshot SET children = children + 1 WHERE name = 'base'", "counts 2 that are based on it, and there are 1")]
    [TestCase("UPDATE snapshot SET children = 0 WHERE name = 'base'", "others are based on 'base'")]
    [TestCase("DELETE FROM snapshot WHERE name = 'base'", "others are based on 'base'")]
    [TestCase("UPDATE snapshot SET tree = (SELECT tree FROM snapshot WHERE name = 'base') WHERE name = 'layer'", "several snapshots have the tree")]
    public async Task Rows_that_contradict_each_other_are_found_and_recovered(string damage, string problem)
    {
        await using (LocalSnapshotter snapshotter = await MakeAsync())
        {
            using (MetadataConnection connection = OpenDatabase())
                connection.Execute(damage);
            IReadOnlyList<SnapshotDefect> defects = await snapshotter.VerifyAsync();
            Assert.That(defects.Where(defect => defect.Kind == SnapshotDefectKind.DamagedMetadata).Select(defect => defect.Description), Is.Not.Empty.And.All.Contains(problem));
        }
        if (problem.StartsWith("several", StringComparison.Ordinal))
            return; // which of them it belongs to nobody knows
        StoreRecovery.RecoverMetadata(Root);
        await using var recovered = new OverlaySnapshotter(Plain(Root));
        await recovered.CleanupAsync();
        await StoreInvariants.AssertWholeAsync(recovered);
    }

    [Test]
    public async Task A_database_that_cannot_be_read_is_data_corrupted()
    {
        await using (var snapshotter = await MakeAsync())
        {
            for (int i = 0; i < 300; i++)
                await snapshotter.ViewAsync($"view-{i}", "layer", new() { Labels = new Dictionary<string, string> { ["a"] = new string('x', 500) } });
        }
        DamageMiddle(Path.Join(Root, "metadata.db"));
        await using var damaged = new OverlaySnapshotter(Plain(Root));
        ContainerdException failure = await FailureOf(() => damaged.VerifyAsync());
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.DataCorrupted));
        Assert.That(failure.Message, Does.Contain("StoreRecovery"));
    }

    [TestCase("UPDATE snapshot SET labels = 'null'")]
    [TestCase("UPDATE snapshot SET labels = '[1]'")]
    [TestCase("UPDATE snapshot SET created = -1")]
    [TestCase("UPDATE snapshot SET updated = 9223372036854775807")]
    public async Task Values_that_no_snapshotter_has_written_are_data_corrupted(string damage)
    {
        await using var snapshotter = await MakeAsync();
        using (MetadataConnection connection = OpenDatabase())
            connection.Execute(damage);
        foreach (Func<Task> use in (Func<Task>[])[() => snapshotter.FindAsync("layer"), () => NamesAsync(snapshotter), () => snapshotter.VerifyAsync()])
        {
            ContainerdException failure = await FailureOf(use);
            Assert.That(failure.Kind, Is.EqualTo(ErrorKind.DataCorrupted));
            Assert.That(failure.Message, Does.Contain("'layer'").Or.Contain("'base'"));
        }
    }

    [Test]
    public async Task A_row_without_its_tree_is_data_corrupted_and_can_be_recovered_from()
    {
        await (await MakeAsync()).DisposeAsync();
        using (MetadataConnection connection = OpenDatabase())
            connection.Execute("UPDATE snapshot SET tree = NULL WHERE name IN ('layer', 'work')");
        await using (var snapshotter = new OverlaySnapshotter(Plain(Root)))
        {
            foreach (Func<Task> use in (Func<Task>[])
                [() => snapshotter.ViewAsync("another", "layer"), () => snapshotter.PrepareAsync("another", "layer"), () => snapshotter.MountsAsync("work"), () => snapshotter.CommitAsync("top", "work")])
            {
                Assert.That((await FailureOf(use)).Kind, Is.EqualTo(ErrorKind.DataCorrupted));
            }
            IEnumerable<string> damage = (await snapshotter.VerifyAsync()).Where(defect => defect.Kind == SnapshotDefectKind.DamagedMetadata).Select(defect => defect.Description);
            Assert.That(damage, Has.One.Contains("'layer' has no tree").And.One.Contains("'work' has no tree"));
        }
        Assert.That(StoreRecovery.RecoverMetadata(Root), Does.Contain("base").And.None.EqualTo("layer").And.None.EqualTo("work"));
        await using var recovered = new OverlaySnapshotter(Plain(Root));
        Assert.That(await recovered.VerifyAsync(), Is.Empty);
    }

    [Test]
    public async Task Parents_that_lead_back_to_themselves_are_data_corrupted_and_can_be_recovered_from()
    {
        await using (OverlaySnapshotter made = await MakeAsync())
            await CommitAsync(made, "other", null, "other");
        using (MetadataConnection connection = OpenDatabase())
            connection.Execute("UPDATE snapshot SET parent = 'layer' WHERE name = 'base'");
        await using (var snapshotter = new OverlaySnapshotter(Plain(Root)))
        await using (var above = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Path.Join(DirectoryPath, "above"), AdditionalRoots = [Root], CleansInBackground = false }))
        {
            foreach (Func<Task> use in (Func<Task>[])
                [() => snapshotter.ViewAsync("another", "layer"), () => snapshotter.PrepareAsync("another", "base"), () => snapshotter.MountsAsync("work"), () => above.PrepareAsync("another", "layer")])
            {
                Assert.That((await FailureOf(use)).Kind, Is.EqualTo(ErrorKind.DataCorrupted));
            }
            IEnumerable<string> damage = (await snapshotter.VerifyAsync()).Where(defect => defect.Kind == SnapshotDefectKind.DamagedMetadata).Select(defect => defect.Description);
            Assert.That(damage, Has.Some.Contains("'layer' have no end").And.Some.Contains("'base' have no end"));
        }
        Assert.That(StoreRecovery.RecoverMetadata(Root), Does.Contain("other").And.None.EqualTo("layer").And.None.EqualTo("base"));
        await using var recovered = new OverlaySnapshotter(Plain(Root));
        Assert.That(await recovered.VerifyAsync(), Is.Empty);
    }

    [Test]
    public async Task Progress_ends_at_the_total_and_cancelling_stops_it()
    {
        await using var snapshotter = await MakeAsync();
        for (int i = 0; i < 20; i++)
            await CommitAsync(snapshotter, $"more-{i}", "layer", "more");
        var progress = new ListProgress();
        await snapshotter.VerifyAsync(progress);
        Assert.That(progress.Reports, Has.All.Property(nameof(SnapshotProgress.Work)).EqualTo(SnapshotWork.Checking).And.All.Property(nameof(SnapshotProgress.Total)).EqualTo(23));
        Assert.That(progress.Reports.Select(report => report.Done), Is.EquivalentTo(Enumerable.Range(1, 23)));

        using var cancellation = new CancellationTokenSource();
        var cancelling = new ListProgress(_ => cancellation.Cancel());
        Assert.That(async () => await snapshotter.VerifyAsync(cancelling, cancellation.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(cancelling.Reports, Has.Count.LessThan(23));
        Assert.That(async () => await snapshotter.RepairAsync(null, null, new CancellationToken(true)), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task Progress_never_goes_backwards()
    {
        await using var snapshotter = await MakeAsync();
        for (int i = 0; i < 20; i++)
            await CommitAsync(snapshotter, $"more-{i}", "layer", "more");
        await AssertAsync(snapshotter.VerifyAsync);
        for (int i = 0; i < 20; i++)
            await snapshotter.RemoveAsync($"more-{i}");
        await AssertAsync((progress, cancellationToken) => snapshotter.CleanupAsync(progress, cancellationToken));

        static async Task AssertAsync(Func<IProgress<SnapshotProgress>, CancellationToken, Task> work)
        {
            var told = new System.Collections.Concurrent.ConcurrentQueue<long>();
            using var second = new ManualResetEventSlim();
            await work(
                new Callback(value =>
                {
                    // The first is held up for as long as another may overtake it.
                    if (value.Done == 1)
                        second.Wait(TimeSpan.FromMilliseconds(200));
                    told.Enqueue(value.Done);
                    second.Set();
                }),
                CancellationToken.None);
            Assert.That(told, Is.Ordered);
        }
    }

    private sealed class Callback(Action<SnapshotProgress> told) : IProgress<SnapshotProgress>
    {
        public void Report(SnapshotProgress value) => told(value);
    }


    [Test]
    public async Task A_store_closed_meanwhile_says_so()
    {
        await using var snapshotter = await MakeAsync();
        var closing = new ListProgress(_ => snapshotter.Dispose());
        Assert.That(async () => await snapshotter.VerifyAsync(closing), Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public async Task What_is_removed_while_it_is_looked_at_is_no_defect()
    {
        await using var snapshotter = await MakeAsync();
        for (int i = 0; i < 40; i++)
            await snapshotter.PrepareAsync($"key-{i}", "layer");
        int removed = 0;
        var removing = new ListProgress(_ =>
        {
            int next = Interlocked.Increment(ref removed);
            snapshotter.RemoveAsync($"key-{40 - next}").ContinueWith(_ => { }, TaskScheduler.Default).GetAwaiter().GetResult();
        });
        Assert.That(await snapshotter.VerifyAsync(removing), Is.Empty);
        Assert.That(await NamesAsync(snapshotter), Has.Length.LessThan(44));
    }

    internal static void DamageMiddle(string database)
    {
        byte[] bytes = File.ReadAllBytes(database);
        int third = bytes.Length / 4096 / 3 * 4096;
        bytes.AsSpan(third, third).Fill(0xA5);
        File.WriteAllBytes(database, bytes);
    }

    /// <summary>base, layer with a tree of some depth, work and view on it.</summary>
    private async Task<OverlaySnapshotter> MakeAsync()
    {
        var snapshotter = new OverlaySnapshotter(Plain(Root));
        await CommitAsync(snapshotter, "base", null, "base");
        string top = Path.Join(UpperOf(await snapshotter.PrepareAsync("key", "base")), "top");
        Directory.CreateDirectory(Path.Join(top, "deep/inner"));
        await File.WriteAllTextAsync(Path.Join(top, "file"), "file");
        File.CreateSymbolicLink(Path.Join(top, "link"), "file");
        await snapshotter.CommitAsync("layer", "key");
        await snapshotter.PrepareAsync("work", "layer");
        await snapshotter.ViewAsync("view", "layer");
        return snapshotter;
    }

    private MetadataConnection OpenDatabase() => MetadataConnection.Open(Path.Join(Root, "metadata.db"), 5000, Durability.Relaxed);
}
