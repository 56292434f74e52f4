using Containerd.Conformance;

namespace Containerd.Snapshots;

/// <summary>
/// Stores on a file system that loses what was not flushed, as at power loss: XFS does so when it is told to shut down (XFS_IOC_GOINGDOWN without flushing its log). What the disk's own
/// cache would lose is not shown.
/// </summary>
[RequiresFileSystem("xfs"), RequiresProgram("mkfs.xfs"), RequiresProgram("xfs_io")]
public class PowerLossTests : StoreContentTest
{
    // Null is when every call has returned.
    private static readonly StoreStep?[] Moments =
    [
        StoreStep.TreeBegun, StoreStep.TreeMade, StoreStep.SnapshotRecorded, StoreStep.TreeRebased, StoreStep.TreeFlushed, StoreStep.TreeMeasured, StoreStep.CommitRecorded,
        StoreStep.RemovalRecorded, StoreStep.TreeTrashed, StoreStep.GarbageFound, StoreStep.TrashEmptied, StoreStep.ReservationsEnded, null,
    ];

    private readonly HashSet<string> _there = [];
    private readonly HashSet<string> _gone = [];
    private FileSystemImage _image = null!;

    private string Store => Path.Join(_image.Path, "store");

    [SetUp]
    public void MakeImage()
    {
        _image = FileSystemImage.Make("xfs");
        _there.Clear();
        _gone.Clear();
    }

    [TearDown]
    public void RemoveImage() => _image.Dispose();

    [Test]
    public async Task What_a_call_has_reported_as_done_survives_at_every_step()
    {
        for (int round = 0; round < Moments.Length; round++)
        {
            bool isLost = false;
            using (OverlaySnapshotter snapshotter = Open(Durability.Full))
            {
                await CommitAsync(snapshotter, $"base-{round}", null, "base");
                await CommitAsync(snapshotter, $"old-{round}", $"base-{round}", "old");
                _there.UnionWith([$"base-{round}", $"old-{round}"]);
                snapshotter.Reached = step =>
                {
                    if (step != Moments[round] || isLost)
                        return;
                    isLost = true;
                    _image.StopFileSystem();
                };
                await UntilLostAsync(snapshotter, round);
            }
            if (Moments[round] is not null)
                Assert.That(isLost, $"{Moments[round]}");
            else
                _image.StopFileSystem();
            _image.StartAgain();
            await AssertKeptAsync(round);
        }
    }

    // The database was flushed when the store was closed, the files were not.
    [Test]
    public async Task What_is_truncated_without_flushing_is_found_and_removed()
    {
        using (OverlaySnapshotter snapshotter = Open(Durability.Full))
            await CommitAsync(snapshotter, "base", null, "base");
        using (OverlaySnapshotter snapshotter = Open(Durability.Relaxed))
            await CommitAsync(snapshotter, "layer", "base", "file");
        _image.StopFileSystem();
        _image.StartAgain();
        await using OverlaySnapshotter after = Open(Durability.Relaxed);
        SnapshotDefect defect = (await after.VerifyAsync()).Single();
        Assert.That((defect.Kind, defect.Snapshot), Is.EqualTo((SnapshotDefectKind.ChangedTree, "layer")));
        Assert.That((await after.RepairAsync()).Removed, Is.EqualTo(new[] { "layer" }));
        Assert.That(await after.VerifyAsync(), Is.Empty);
        Assert.That(TextShown(await after.ViewAsync("view", "base"), "base"), Is.EqualTo("base"));
    }

    private OverlaySnapshotter Open(Durability durability) => new(new OverlaySnapshotterOptions { Root = Store, Durability = durability, CleansInBackground = false });

    // Every step is in one of these calls.
    private async Task UntilLostAsync(OverlaySnapshotter snapshotter, int round)
    {
        string old = $"old-{round}", layer = $"layer-{round}", key = $"key-{round}";
        try
        {
            IReadOnlyList<Mount> mounts = await snapshotter.PrepareAsync(key, options: new() { IsLayer = true });
            await File.WriteAllTextAsync(Path.Join(UpperOf(mounts), "layer"), "layer");
            await snapshotter.CommitAsync(layer, key, new() { Parent = $"base-{round}" });
            _there.Add(layer);
            _gone.Add(key);
            await snapshotter.UpdateAsync(layer, LabelUpdate.Set("round", $"{round}"));
            _there.Remove(old);
            await snapshotter.RemoveAsync(old);
            _gone.Add(old);
            await snapshotter.CleanupAsync();
        }
        catch (Exception e) when (e is ContainerdException or IOException && round < Moments.Length - 1)
        {
            // The file system is gone; the file that this test writes is told so by the runtime.
        }
    }

    private async Task AssertKeptAsync(int round)
    {
        string moment = $"{Moments[round]}";
        await using OverlaySnapshotter after = Open(Durability.Full);
        string[] names = await NamesAsync(after);
        Assert.That(names, Is.SupersetOf(_there), moment);
        Assert.That(names.Intersect(_gone), Is.Empty, moment);
        // Nobody has said that what an active snapshot holds is on disk.
        string key = $"key-{round}";
        Assert.That((await after.VerifyAsync()).Where(defect => defect.Snapshot != key), Is.Empty, moment);
        foreach (string name in names.Where(name => name != key))
        {
            string file = name[..name.IndexOf('-', StringComparison.Ordinal)];
            Assert.That(TextShown(await after.ViewAsync("view", name), file), Is.EqualTo(file), moment);
            await after.RemoveAsync("view");
        }
        if (names.Contains(key))
            await after.RemoveAsync(key);
        await after.CleanupAsync();
        Assert.That(StoreInvariants.GarbageOf(after), Is.Empty, moment);
    }
}
