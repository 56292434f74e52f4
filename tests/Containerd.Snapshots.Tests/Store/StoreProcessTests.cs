using System.Diagnostics;

namespace Containerd.Snapshots;

public class StoreProcessTests : StoreContentTest
{
    private const int Processes = 4, Operations = 2000, FewOperations = 500;

    [Test, CancelAfter(300_000)]
    public Task Processes_that_do_anything_at_once_leave_a_store_that_is_whole(CancellationToken cancellationToken) =>
        RaceAsync(Root, StoreSetup.Plain, Operations, cancellationToken);

    // In memory: flushing a disk waits for what everybody else has written to it.
    [Test, CancelAfter(300_000)]
    public Task Processes_that_flush_at_once_leave_a_store_that_is_whole(CancellationToken cancellationToken) =>
        RaceAsync(Path.Join(MountTmpfs("memory", "256m"), "root"), StoreSetup.Flushes, FewOperations, cancellationToken);

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
