namespace Containerd.Conformance;

public abstract partial class SnapshotterConformance
{
    private const int Files = 2000;

    /// <summary>Of many that prepare one key at once one wins, and every other learns that it is taken.</summary>
    [Test]
    public async Task PreparationsRaceForAKey()
    {
        await CommitLayerAsync("layer", null, root => Write(root, "file", "1"));
        ErrorKind?[] results = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => ResultOf(i % 2 == 0 ? Snapshotter.PrepareAsync("key", "layer") : Snapshotter.ViewAsync("key", "layer"))));
        Assert.That(results.Count(result => result is null), Is.EqualTo(1));
        Assert.That(results.Where(result => result is not null), Is.All.EqualTo(ErrorKind.AlreadyExists));
        Assert.That(ContentOf(await Snapshotter.MountsAsync("key")), Is.EqualTo(new[] { "file=1" }));
    }

    /// <summary>Of two that unpack the same layer at once one is told that it is there, has lost nothing, and finds it.</summary>
    [Test]
    public async Task TwoThatBuildOneNameAgreeOnIt()
    {
        await CommitLayerAsync("base", null, root => Write(root, "base", "1"));
        var options = new SnapshotCommitOptions { DiffId = Digest.Sha256("layer"u8), IsIndependentOfParent = true };
        ErrorKind?[] results = await Task.WhenAll(Enumerable.Range(0, 4).Select(async i =>
        {
            await ApplyAsync(new TarBuilder().File("file", "2"), await Snapshotter.PrepareAsync($"key {i}", "base"));
            return await ResultOf(Snapshotter.CommitAsync("name", $"key {i}", options));
        }));
        Assert.That(results.Count(result => result is null), Is.EqualTo(1));
        Assert.That(results.Where(result => result is not null), Is.All.EqualTo(ErrorKind.AlreadyExists));
        Assert.That(await ContentOfAsync("name"), Is.EqualTo(new[] { "base=1", "file=2" }));
        for (int i = 0; i < 4; i++)
        {
            Assert.That(await Snapshotter.FindAsync($"key {i}") is null, Is.EqualTo(results[i] is null));
            if (results[i] is not null)
                await Snapshotter.RemoveAsync($"key {i}");
        }
    }

    /// <summary>A parent is removed, or based on, never both.</summary>
    [Test]
    public async Task RemovalRacesWithPreparation()
    {
        for (int i = 0; i < 10; i++)
        {
            await CommitLayerAsync("layer", null, root => Write(root, "file", "1"));
            Task<ErrorKind?> removal = ResultOf(Snapshotter.RemoveAsync("layer")), preparation = ResultOf(Snapshotter.PrepareAsync("key", "layer"));
            await Task.WhenAll(removal, preparation);
            Assert.That((await removal, await preparation), Is.EqualTo(((ErrorKind?)null, (ErrorKind?)ErrorKind.NotFound)).Or.EqualTo(((ErrorKind?)ErrorKind.FailedPrecondition, (ErrorKind?)null)));
            if (await preparation is not null)
                continue;
            Assert.That(ContentOf(await Snapshotter.MountsAsync("key")), Is.EqualTo(new[] { "file=1" }));
            await Snapshotter.RemoveAsync("key");
            await Snapshotter.RemoveAsync("layer");
        }
    }

    /// <summary>A preparation that is cancelled in the middle has not happened: the key is free, and nothing stays.</summary>
    [Test]
    public async Task CancelledPreparationHasNotHappened()
    {
        await CommitLayerAsync("layer", null, WriteMany);
        for (int i = 0; i < 5; i++)
        {
            using var cancelling = new CancellationTokenSource();
            // At once, at the first sign of work where there is any, or at some time.
            int attempt = i;
            var progress = new ProgressList(report =>
            {
                if (attempt == 1 && report.Done > 0)
                    cancelling.Cancel();
            });
            Task<IReadOnlyList<Mount>> preparation = Snapshotter.PrepareAsync("key", "layer", new() { Progress = progress }, cancelling.Token);
            if (i != 1)
                cancelling.CancelAfter(TimeSpan.FromMilliseconds(i));
            await AssertCancelledOrDoneAsync(preparation, cancelling.Token);
            Assert.That(await Snapshotter.FindAsync("key") is not null, Is.EqualTo(preparation.IsCompletedSuccessfully));
            if (preparation.IsCompletedSuccessfully)
                await Snapshotter.RemoveAsync("key");
        }
        Change(await Snapshotter.PrepareAsync("key", "layer"), root => Assert.That(Directory.GetFiles(root, "*", SearchOption.AllDirectories), Has.Length.EqualTo(Files)));
    }

    /// <summary>A commit that is cancelled in the middle has not happened: the active snapshot is as it was and can be committed.</summary>
    [Test]
    public async Task CancelledCommitHasNotHappened()
    {
        await CommitLayerAsync("base", null, root => Write(root, "base", "1"));
        Change(await Snapshotter.PrepareAsync("key", "base"), WriteMany);
        bool isDone = false;
        for (int i = 0; i < 5 && !isDone; i++)
        {
            using var cancelling = new CancellationTokenSource();
            Task<SnapshotInfo> commit = Snapshotter.CommitAsync("name", "key", cancellationToken: cancelling.Token);
            cancelling.CancelAfter(TimeSpan.FromMilliseconds(i));
            await AssertCancelledOrDoneAsync(commit, cancelling.Token);
            isDone = commit.IsCompletedSuccessfully;
            Assert.That(await Snapshotter.FindAsync("name") is not null, Is.EqualTo(isDone));
            Assert.That(await Snapshotter.FindAsync("key") is null, Is.EqualTo(isDone));
        }
        if (!isDone)
            await Snapshotter.CommitAsync("name", "key");
        Change(await Snapshotter.ViewAsync("view", "name"), root => Assert.That(Directory.GetFiles(root, "*", SearchOption.AllDirectories), Has.Length.EqualTo(Files + 1)));
    }

    /// <summary>Progress only goes forward, ends with the whole, and is told by whatever takes long.</summary>
    [Test]
    public async Task ProgressGoesForward()
    {
        Change(await Snapshotter.PrepareAsync("active"), WriteMany);
        var commit = new ProgressList();
        await Snapshotter.CommitAsync("layer", "active", new() { Progress = commit });
        AssertForward(commit);
        Assert.That(commit.Reports, Is.Not.Empty, "a commit walks the tree");
        Assert.That(commit.Reports[^1].Done, Is.GreaterThanOrEqualTo(Files).And.EqualTo(commit.Reports[^1].Total));

        var preparation = new ProgressList();
        await Snapshotter.PrepareAsync("child", "layer", new() { Progress = preparation });
        AssertForward(preparation);
        if (preparation.Reports.Count > 0)
            Assert.That(preparation.Reports[^1].Done, Is.GreaterThanOrEqualTo(Files), "a copy is told to its end");
    }

    private static void WriteMany(string root)
    {
        for (int directory = 0; directory < Files / 100; directory++)
        {
            string path = Directory.CreateDirectory(Path.Join(root, $"{directory}")).FullName;
            for (int i = 0; i < 100; i++)
                File.WriteAllBytes(Path.Join(path, $"{i}"), []);
        }
    }

    private static void AssertForward(ProgressList progress)
    {
        foreach (IGrouping<SnapshotWork, SnapshotProgress> work in progress.Reports.GroupBy(report => report.Work))
        {
            Assert.That(work.Select(report => report.Done), Is.Ordered);
            Assert.That(work, Is.All.Matches<SnapshotProgress>(report => report.Total is null || report.Done <= report.Total));
        }
    }

    private static async Task AssertCancelledOrDoneAsync(Task task, CancellationToken token)
    {
        try
        {
            await task;
        }
        catch (OperationCanceledException e)
        {
            Assert.That(e.CancellationToken, Is.EqualTo(token));
        }
    }

    private static async Task<ErrorKind?> ResultOf(Task task)
    {
        try
        {
            await task;
            return null;
        }
        catch (ContainerdException e)
        {
            return e.Kind;
        }
    }

    // Synchronous, unlike Progress<T>: nothing is told after the call has ended.
    private sealed class ProgressList(Action<SnapshotProgress>? seen = null) : IProgress<SnapshotProgress>
    {
        public List<SnapshotProgress> Reports { get; } = [];

        public void Report(SnapshotProgress value)
        {
            lock (Reports)
                Reports.Add(value);
            seen?.Invoke(value);
        }
    }
}
