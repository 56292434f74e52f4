using System.Diagnostics;

namespace Containerd.Snapshots;

public class StoreProcessTests : StoreContentTest
{
    private const int Processes = 4, Operations = 2000, FewOperations = 500, ChangesOfLender = 5;

    [Test, CancelAfter(300_000)]
    public Task Processes_that_do_anything_at_once_leave_a_store_that_is_whole(CancellationToken cancellationToken) =>
        RaceAsync(Root, StoreSetup.Plain, Operations, cancellationToken);

    // In memory: flushing a disk waits for what everybody else has written to it.
    [Test, CancelAfter(300_000)]
    public Task Processes_that_flush_at_once_leave_a_store_that_is_whole(CancellationToken cancellationToken) =>
        RaceAsync(Path.Join(MountTmpfs("memory", "256m"), "root"), StoreSetup.Flushes, FewOperations, cancellationToken);

    [Test, CancelAfter(300_000)]
    public async Task Processes_that_borrow_write_elsewhere_and_repair_at_once_leave_a_store_that_is_whole(CancellationToken cancellationToken)
    {
        string root = Path.Join(MountTmpfs("memory", "256m"), "root");
        await LendingRace.MakeLenderAsync(root);
        // One does not know the store beneath, and meets what is borrowed from it.
        StoreSetup[] setups =
        [
            StoreSetup.Borrows,
            StoreSetup.Borrows | StoreSetup.WritesElsewhere,
            StoreSetup.Borrows | StoreSetup.WritesElsewhere | StoreSetup.Flushes,
            StoreSetup.WritesElsewhere,
        ];
        Process[] borrowers = [.. setups.Select((setup, i) => StoreProcess.Start("borrow", root, $"{setup}", $"{i + 1}", $"{FewOperations}"))];
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task lending = LendAsync(root, ended.Token);
        string[] said;
        try
        {
            said = await EndAsync(borrowers, cancellationToken);
        }
        finally
        {
            await ended.CancelAsync();
            await lending;
        }

        await using LocalSnapshotter snapshotter = StoreCrashChild.Open("overlay", root, cleansInBackground: false, StoreSetup.Borrows);
        SnapshotRepairResult repaired = await snapshotter.RepairAsync(new() { RemoveActive = true }, cancellationToken: cancellationToken);
        Assert.That(repaired.Removed, Is.All.StartsWith("doomed"));
        Assert.That(repaired.Remaining, Is.Empty);
        await snapshotter.CleanupAsync(cancellationToken);
        await StoreInvariants.AssertWholeAsync(snapshotter);
        Assert.That(Directory.GetFileSystemEntries(Path.Join(root, "owners")), Has.Length.EqualTo(1), "the dead are forgotten");
        string[] kept = [.. string.Join('\n', said).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line[1..])];
        Assert.That(kept, Is.Not.Empty);
        foreach (string name in kept)
        {
            Assert.That(TextShown(await snapshotter.ViewAsync("view", name, cancellationToken: cancellationToken), name), Is.EqualTo(name));
            await snapshotter.RemoveAsync("view", cancellationToken);
        }
        await AssertEmptiedAsync(snapshotter);

        await using LocalSnapshotter lender = StoreCrashChild.Open("overlay", StoreCrashChild.LenderOf(root), cleansInBackground: false);
        await lender.CleanupAsync(cancellationToken);
        await StoreInvariants.AssertWholeAsync(lender);
    }

    private static async Task RaceAsync(string root, StoreSetup setup, int operations, CancellationToken cancellationToken)
    {
        await EndAsync([.. Enumerable.Range(1, Processes).Select(seed => StoreProcess.Start("race", root, $"{setup}", $"{seed}", $"{operations}"))], cancellationToken);
        await using LocalSnapshotter snapshotter = StoreCrashChild.Open("overlay", root, cleansInBackground: false, setup);
        Assert.That(await snapshotter.VerifyAsync(cancellationToken: cancellationToken), Is.Empty);
        await snapshotter.CleanupAsync(cancellationToken);
        await StoreInvariants.AssertWholeAsync(snapshotter);
        Assert.That(Directory.GetFileSystemEntries(Path.Join(root, "owners")), Has.Length.EqualTo(1), "the dead are forgotten");
    }

    /// <summary>Waits until all have ended well; gives what each has said.</summary>
    private static async Task<string[]> EndAsync(Process[] children, CancellationToken cancellationToken)
    {
        try
        {
            Task<string[]> said = Task.WhenAll(children.Select(child => child.StandardOutput.ReadToEndAsync(cancellationToken)));
            string[] errors = await Task.WhenAll(children.Select(child => child.StandardError.ReadToEndAsync(cancellationToken)));
            foreach (Process child in children)
            {
                await child.WaitForExitAsync(cancellationToken);
                Assert.That(child.ExitCode, Is.Zero, string.Join('\n', errors));
            }
            return await said;
        }
        finally
        {
            // Those that hang, where the test was cancelled.
            foreach (Process child in children)
            {
                child.Kill();
                await child.WaitForExitAsync(CancellationToken.None);
                child.Dispose();
            }
        }
    }

    /// <summary>Has the store beneath changed by one process after the other, each of which is killed.</summary>
    private static async Task LendAsync(string root, CancellationToken ended)
    {
        for (int seed = 1; !ended.IsCancellationRequested; seed++)
        {
            using Process lender = StoreProcess.Start("lend", root, $"{seed}");
            try
            {
                for (int i = 0; i < ChangesOfLender && await lender.StandardOutput.ReadLineAsync(ended) is not null; i++)
                {
                }
            }
            catch (OperationCanceledException)
            {
                // Enough.
            }
            finally
            {
                lender.Kill();
                await lender.WaitForExitAsync(CancellationToken.None);
            }
            Assert.That(lender.ExitCode, Is.EqualTo(137), await lender.StandardError.ReadToEndAsync(CancellationToken.None));
        }
    }

    /// <summary>Removes everything, those on top first; then nothing is left of what was borrowed either.</summary>
    private static async Task AssertEmptiedAsync(LocalSnapshotter snapshotter)
    {
        using MetadataConnection connection = MetadataConnection.Open(Path.Join(snapshotter.Root, "metadata.db"), 5000, Durability.Relaxed);
        while (connection.QueryTexts("SELECT name FROM snapshot WHERE children = 0") is { Count: > 0 } idle)
        {
            foreach (string name in idle)
                await snapshotter.RemoveAsync(name);
        }
        Assert.That(connection.QueryInteger("SELECT COUNT(*) FROM snapshot"), Is.Zero);
        await snapshotter.CleanupAsync();
        Assert.That(StoreInvariants.GarbageOf(snapshotter), Is.Empty);
    }

    [Test]
    public async Task Stores_opened_at_once_make_one_root()
    {
        OverlaySnapshotter[] opened = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => new OverlaySnapshotter(Root))));
        await Task.WhenAll(opened.Select((snapshotter, i) => snapshotter.PrepareAsync($"key-{i}")));
        Assert.That(Entries("layers"), Has.Length.EqualTo(8));
        foreach (OverlaySnapshotter snapshotter in opened)
            await snapshotter.DisposeAsync();
    }

    [Test]
    public async Task Stores_chosen_at_once_in_an_empty_directory_are_of_one_kind()
    {
        Directory.CreateDirectory(Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        LocalSnapshotter[] opened = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => SnapshotterChoice.Open(new OverlaySnapshotterOptions { Root = Root }))));
        Assert.That(opened.Select(snapshotter => snapshotter.Name), Is.All.EqualTo("overlay"));
        foreach (LocalSnapshotter snapshotter in opened)
            await snapshotter.DisposeAsync();
    }
}
