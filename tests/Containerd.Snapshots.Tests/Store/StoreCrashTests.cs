using System.Collections.Concurrent;
using System.Diagnostics;
using Containerd.Conformance;

namespace Containerd.Snapshots;

/// <summary>Processes that are killed, again and again on one store, so that what they leave adds up.</summary>
public class StoreCrashTests : StoreContentTest
{
    private const int StoresOfEach = 4, KillsAtAnyMoment = 12, KillsOfBorrowers = 6;
    private static readonly TimeSpan LongEnough = TimeSpan.FromSeconds(60);

    private static readonly (string Verb, StoreStep Step)[] PointsOfAll =
    [
        ("prepare", StoreStep.TreeBegun), ("prepare", StoreStep.TreeMade), ("prepare", StoreStep.SnapshotRecorded),
        ("commit", StoreStep.TreeFlushed), ("commit", StoreStep.TreeMeasured), ("commit", StoreStep.CommitRecorded),
        ("remove", StoreStep.RemovalRecorded), ("remove", StoreStep.TreeTrashed),
        ("clean", StoreStep.GarbageFound), ("clean", StoreStep.GarbageTrashed), ("clean", StoreStep.TrashEmptied), ("clean", StoreStep.ReservationsEnded),
        ("repair", StoreStep.DefectsFound), ("repair", StoreStep.RepairRecorded), ("repair", StoreStep.GarbageTrashed),
    ];

    private static readonly (string Verb, StoreStep Step)[] PointsOfOverlay =
    [
        ("share", StoreStep.TreeFlushed), ("share", StoreStep.TreeMeasured), ("share", StoreStep.CommitRecorded), ("share", StoreStep.ReplacedTreeTrashed),
        ("rebase", StoreStep.TreeRebased), ("rebase", StoreStep.TreeFlushed), ("rebase", StoreStep.TreeMeasured), ("rebase", StoreStep.CommitRecorded),
        ("elsewhere", StoreStep.TreeBegun), ("elsewhere", StoreStep.TreeMade), ("elsewhere", StoreStep.SnapshotRecorded),
        ("elsewhere", StoreStep.TreeMoved), ("elsewhere", StoreStep.TreeFlushed), ("elsewhere", StoreStep.TreeMeasured), ("elsewhere", StoreStep.CommitRecorded),
        ("adopt", StoreStep.AdoptionRecorded),
    ];

    // What concerns no row of what is borrowed.
    private static readonly StoreStep[] StepsBesideBorrowing =
        [StoreStep.TreeBegun, StoreStep.TreeMade, StoreStep.TreeFlushed, StoreStep.GarbageFound, StoreStep.TrashEmptied, StoreStep.ReservationsEnded];

    // What is not the same where an active snapshot lies elsewhere.
    private static readonly (string Verb, StoreStep Step)[] PointsElsewhere =
    [
        ("share", StoreStep.TreeMoved), ("share", StoreStep.CommitRecorded), ("share", StoreStep.ReplacedTreeTrashed),
        ("remove", StoreStep.RemovalRecorded), ("remove", StoreStep.TreeTrashed),
        ("clean", StoreStep.GarbageFound), ("clean", StoreStep.GarbageTrashed), ("clean", StoreStep.TrashEmptied), ("clean", StoreStep.ReservationsEnded),
        ("repair", StoreStep.DefectsFound), ("repair", StoreStep.RepairRecorded), ("repair", StoreStep.GarbageTrashed),
    ];

    [Test]
    public Task Overlay_stores_survive_a_kill_at_every_step() => SurviveStepsAsync("overlay", DirectoryPath);

    // In memory: flushing a disk waits for what everybody else has written to it.
    [Test]
    public async Task Overlay_stores_that_flush_borrow_or_write_elsewhere_survive_a_kill_at_every_step()
    {
        Assert.That(PointsOfAll.Concat(PointsOfOverlay).Select(point => point.Step).Distinct(), Is.EquivalentTo(Enum.GetValues<StoreStep>()), "every step has a kill");
        string memory = MountTmpfs("memory", "256m");
        (StoreSetup Setup, (string, StoreStep)[] Points)[] stores =
        [
            (StoreSetup.Flushes, [.. PointsOfAll, .. PointsOfOverlay]),
            (StoreSetup.Borrows, [.. PointsOfAll.Concat(PointsOfOverlay).Where(point => !StepsBesideBorrowing.Contains(point.Step)), ("adopt lent", StoreStep.AdoptionRecorded)]),
            (StoreSetup.WritesElsewhere, PointsElsewhere),
        ];
        await Parallel.ForEachAsync(stores, Parallelism, async (store, _) =>
            await SurviveStepsAsync("overlay", Path.Join(memory, $"{store.Setup}"), store.Setup, seed: (int)store.Setup, [.. store.Points]));
    }

    [Test]
    public Task Native_stores_survive_a_kill_at_every_step() => SurviveStepsAsync("native", DirectoryPath);

    [Test, RequiresFileSystem("btrfs"), RequiresProgram("mkfs.btrfs")]
    public async Task Btrfs_stores_survive_a_kill_at_every_step()
    {
        using FileSystemImage image = FileSystemImage.Make("btrfs");
        await SurviveStepsAsync("btrfs", image.Path);
    }

    [Test]
    public Task Overlay_stores_survive_a_kill_at_any_moment() => SurviveMomentsAsync("overlay", DirectoryPath);

    [Test]
    public Task Overlay_stores_that_flush_borrow_and_write_elsewhere_survive_a_kill_at_any_moment() =>
        SurviveMomentsAsync("overlay", MountTmpfs("memory", "256m"), StoreSetup.Flushes | StoreSetup.Borrows | StoreSetup.WritesElsewhere, KillsOfBorrowers);

    [Test]
    public Task Native_stores_survive_a_kill_at_any_moment() => SurviveMomentsAsync("native", DirectoryPath);

    [Test, RequiresFileSystem("btrfs"), RequiresProgram("mkfs.btrfs")]
    public async Task Btrfs_stores_survive_a_kill_at_any_moment()
    {
        using FileSystemImage image = FileSystemImage.Make("btrfs");
        await SurviveMomentsAsync("btrfs", image.Path);
    }

    private static ParallelOptions Parallelism { get; } = new() { MaxDegreeOfParallelism = Math.Max(2, Environment.ProcessorCount) };

    private async Task SurviveStepsAsync(string driver, string directory) => await Parallel.ForEachAsync(
        Enumerable.Range(1, StoresOfEach),
        Parallelism,
        async (seed, _) => await SurviveStepsAsync(
            driver, Path.Join(directory, $"steps-{seed}"), StoreSetup.Plain, seed, driver == "overlay" ? [.. PointsOfAll, .. PointsOfOverlay] : [.. PointsOfAll]));

    private async Task SurviveStepsAsync(string driver, string root, StoreSetup setup, int seed, (string Verb, StoreStep Step)[] points)
    {
        await FillAsync(driver, root, setup);
        new Random(seed).Shuffle(points);
        for (int number = 0; number < points.Length; number++)
        {
            (string verb, StoreStep step) = points[number];
            string situation = $"{driver} ({setup}), seed {seed}, kill {number}: {verb} at {step}";
            await ReadyAsync(driver, root, setup, verb, number);
            // Others may have the store open, or nobody.
            using LocalSnapshotter? bystander = seed % 2 == 0 ? StoreCrashChild.Open(driver, root, cleansInBackground: false, setup) : null;
            using (Process child = StoreProcess.Start("die", driver, root, $"{setup}", $"{step}", verb, $"{number}"))
            {
                string error = await child.StandardError.ReadToEndAsync(CancellationToken.None);
                await child.WaitForExitAsync(CancellationToken.None);
                Assert.That(child.ExitCode, Is.EqualTo(137), $"{situation}: it was not killed there. {error}");
            }
            using (LocalSnapshotter after = StoreCrashChild.Open(driver, root, cleansInBackground: false, setup))
            {
                await AssertOutcomeAsync(after, setup, verb, step, number, situation);
                if (verb == "repair" && setup.HasFlag(StoreSetup.Borrows))
                {
                    // Damaged, and in use nowhere any more.
                    using LocalSnapshotter lender = StoreCrashChild.Open(driver, StoreCrashChild.LenderOf(root), cleansInBackground: false);
                    await lender.RemoveAsync(StoreCrashChild.LentFor($"{number}"), CancellationToken.None);
                }
                await AssertContentAsync(after, situation);
                if (number % 3 == 0)
                    await after.CleanupAsync(CancellationToken.None);
            }
            bystander?.Dispose();
            if (number % 3 == 1)
                await AssertOpeningReclaimsAsync(driver, root, setup, situation);
        }
        await AssertOpeningReclaimsAsync(driver, root, setup, $"{driver} ({setup}), seed {seed}");
    }

    private async Task SurviveMomentsAsync(string driver, string directory, StoreSetup setup = StoreSetup.Plain, int kills = KillsAtAnyMoment)
    {
        string root = Path.Join(directory, "moments");
        await FillAsync(driver, root, setup);
        var random = new Random(1);
        var committed = new ConcurrentDictionary<string, bool>();
        for (int seed = 0; seed < kills; seed++)
        {
            using Process child = StoreProcess.Start("work", driver, root, $"{setup}", $"{seed}");
            string first = await child.StandardOutput.ReadLineAsync() ?? await child.StandardError.ReadToEndAsync();
            Note(first, committed);
            Task reading = Task.Run(async () =>
            {
                while (await child.StandardOutput.ReadLineAsync() is { } line)
                    Note(line, committed);
            });
            await Task.Delay(random.Next(200));
            child.Kill();
            await child.WaitForExitAsync();
            await reading;
            Assert.That(child.ExitCode, Is.EqualTo(137), await child.StandardError.ReadToEndAsync());

            using LocalSnapshotter after = StoreCrashChild.Open(driver, root, cleansInBackground: false, setup);
            Assert.That(await after.VerifyAsync(), Is.Empty, $"kill {seed}");
            foreach (string name in committed.Keys)
                Assert.That(await after.FindAsync(name), Has.Property(nameof(SnapshotInfo.Kind)).EqualTo(SnapshotKind.Committed), $"kill {seed}: {name}");
            await AssertContentAsync(after, $"{driver} ({setup}), kill {seed}");
        }
        await AssertOpeningReclaimsAsync(driver, root, setup, $"{driver} ({setup})");

        static void Note(string line, ConcurrentDictionary<string, bool> committed)
        {
            if (line[0] == '+')
                committed[line[1..]] = true;
            else if (line[0] == '-')
                committed.TryRemove(line[1..], out _);
            else
                Assert.Fail(line);
        }
    }

    private static async Task FillAsync(string driver, string root, StoreSetup setup)
    {
        using (LocalSnapshotter snapshotter = StoreCrashChild.Open(driver, root, cleansInBackground: false))
            await FillAsync(snapshotter, StoreCrashChild.Base, StoreCrashChild.Layer, StoreCrashChild.Shared);
        if (!setup.HasFlag(StoreSetup.Borrows))
            return;
        using LocalSnapshotter lender = StoreCrashChild.Open(driver, StoreCrashChild.LenderOf(root), cleansInBackground: false);
        await FillAsync(lender, StoreCrashChild.Lent, "lent layer", StoreCrashChild.LentShared);
    }

    private static async Task FillAsync(LocalSnapshotter snapshotter, string bottom, string layer, SnapshotCommitOptions shared)
    {
        IReadOnlyList<Mount> mounts = await snapshotter.PrepareAsync("key", null, CanRebase(snapshotter) ? new() { IsLayer = true } : null);
        string directory = Directory.CreateDirectory(Path.Join(StoreCrashChild.TreeOf(mounts), "directory")).FullName;
        for (int i = 0; i < 20; i++)
            await File.WriteAllTextAsync(Path.Join(directory, $"{i}"), $"{i}");
        await File.WriteAllTextAsync(Path.Join(StoreCrashChild.TreeOf(mounts), StoreCrashChild.Base), StoreCrashChild.Base);
        await File.WriteAllTextAsync(Path.Join(StoreCrashChild.TreeOf(mounts), bottom), bottom);
        await snapshotter.CommitAsync(bottom, "key");
        await CommitAsync(snapshotter, layer, bottom, StoreCrashChild.Layer, shared);
    }

    // What the child needs to find.
    private static async Task ReadyAsync(string driver, string root, StoreSetup setup, string verb, int number)
    {
        if (verb is not ("remove" or "clean" or "repair"))
            return;
        string removable = $"removable-{number}", parent = StoreCrashChild.ParentIn(setup), damaged = removable;
        if (verb == "repair" && setup.HasFlag(StoreSetup.Borrows))
        {
            damaged = StoreCrashChild.LentFor($"{number}");
            using LocalSnapshotter lender = StoreCrashChild.Open(driver, StoreCrashChild.LenderOf(root), cleansInBackground: false);
            await CommitAsync(lender, damaged, parent, damaged, null);
            parent = damaged;
        }
        using LocalSnapshotter snapshotter = StoreCrashChild.Open(driver, root, cleansInBackground: false, setup);
        if (setup.HasFlag(StoreSetup.WritesElsewhere))
        {
            string active = StoreCrashChild.TreeOf(await snapshotter.PrepareAsync(removable, parent));
            if (verb == "repair")
                Directory.Delete(active, recursive: true);
            return;
        }
        await CommitAsync(snapshotter, removable, parent, removable, null);
        if (verb != "repair")
            return;
        string tree = StoreCrashChild.TreeOf(await snapshotter.ViewAsync("view", damaged));
        await snapshotter.RemoveAsync("view");
        if (driver == "btrfs")
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle subvolume = Interop.Sys.TryOpen(null, tree, Interop.Sys.ReadDirectoryOnly, out _)!;
            Assert.That(Interop.Btrfs.SetReadOnly(subvolume, readOnly: false), Is.Zero);
        }
        await File.WriteAllTextAsync(Path.Join(tree, damaged), "damage that shows");
    }

    private static async Task CommitAsync(LocalSnapshotter snapshotter, string name, string parent, string file, SnapshotCommitOptions? options)
    {
        IReadOnlyList<Mount> mounts = await snapshotter.PrepareAsync($"key of {name}", parent);
        await File.WriteAllTextAsync(Path.Join(StoreCrashChild.TreeOf(mounts), file), file);
        await snapshotter.CommitAsync(name, $"key of {name}", options);
    }

    private static async Task AssertOutcomeAsync(LocalSnapshotter after, StoreSetup setup, string verb, StoreStep step, int number, string situation)
    {
        string victim = $"victim-{number}", committed = $"committed-{number}", removable = $"removable-{number}";
        bool isRecorded = step is StoreStep.CommitRecorded or StoreStep.ReplacedTreeTrashed or StoreStep.AdoptionRecorded;
        bool isVictim = verb is "prepare" or "commit" or "share" or "rebase" or "elsewhere" && step is not (StoreStep.TreeBegun or StoreStep.TreeMade) && !isRecorded;
        Assert.That((await after.FindAsync(victim))?.Kind, Is.EqualTo(isVictim ? SnapshotKind.Active : (SnapshotKind?)null), situation);
        Assert.That((await after.FindAsync(committed))?.Kind, Is.EqualTo(isRecorded ? SnapshotKind.Committed : (SnapshotKind?)null), situation);
        bool isRemovable = verb == "repair" && step == StoreStep.DefectsFound;
        Assert.That(await after.FindAsync(removable) is not null, Is.EqualTo(isRemovable), situation);

        IReadOnlyList<SnapshotDefect> defects = await after.VerifyAsync();
        if (isRemovable)
        {
            bool isBorrowed = setup.HasFlag(StoreSetup.Borrows);
            string damaged = isBorrowed ? StoreCrashChild.LentFor($"{number}") : removable;
            SnapshotDefectKind kind = setup.HasFlag(StoreSetup.WritesElsewhere) ? SnapshotDefectKind.MissingTree : SnapshotDefectKind.ChangedTree;
            Assert.That(defects.Select(defect => (defect.Kind, defect.Snapshot)), Is.EqualTo(new[] { (kind, damaged) }), situation);
            SnapshotRepairResult repaired = await after.RepairAsync();
            Assert.That(repaired.Removed, Is.EqualTo(isBorrowed ? [removable, damaged] : new[] { removable }), situation);
        }
        else
            Assert.That(defects, Is.Empty, situation);

        // What was interrupted can be taken up or given up.
        if (isVictim && number % 2 == 0 && step != StoreStep.SnapshotRecorded)
            await after.CommitAsync(committed, victim, verb == "share" ? StoreCrashChild.Shared : new() { Parent = StoreCrashChild.ParentIn(setup) });
        else if (isVictim)
            await after.RemoveAsync(victim);
    }

    // Every committed snapshot has the base's files and its own: one of its name, or the shared layer's.
    private async Task AssertContentAsync(LocalSnapshotter snapshotter, string situation)
    {
        var names = new List<string>();
        await foreach (SnapshotInfo snapshot in snapshotter.ListAsync(new() { Kind = SnapshotKind.Committed }))
            names.Add(snapshot.Name);
        foreach (string name in names)
        {
            using (IDetachedMount tree = Mounter.MountDetached(await snapshotter.ViewAsync("view", name)))
            {
                Dictionary<string, string> files = Directory.EnumerateFiles(tree.Path).ToDictionary(path => Path.GetFileName(path), File.ReadAllText);
                Assert.That(files, Is.All.Matches<KeyValuePair<string, string>>(file => file.Key == file.Value), $"{situation}: {name}");
                string own = name.Replace("adopted ", "", StringComparison.Ordinal).Replace("committed-", "victim-", StringComparison.Ordinal);
                Assert.That(files.Keys, Has.Member(StoreCrashChild.Base), $"{situation}: {name}");
                Assert.That(files.ContainsKey(own) || files.ContainsKey(StoreCrashChild.Layer), $"{situation}: {name}");
                Assert.That(Directory.GetFiles(Path.Join(tree.Path, "directory")), Has.Length.EqualTo(20), $"{situation}: {name}");
            }
            await snapshotter.RemoveAsync("view");
        }
    }

    private static async Task AssertOpeningReclaimsAsync(string driver, string root, StoreSetup setup, string situation)
    {
        using LocalSnapshotter snapshotter = StoreCrashChild.Open(driver, root, cleansInBackground: true, setup);
        long start = Stopwatch.GetTimestamp();
        while (StoreInvariants.GarbageOf(snapshotter).Count > 0 || Directory.GetFileSystemEntries(Path.Join(root, "owners")).Length > 1)
        {
            Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(LongEnough), $"{situation}: {string.Join(' ', StoreInvariants.GarbageOf(snapshotter))} is not reclaimed");
            await Task.Delay(10);
        }
        await StoreInvariants.AssertWholeAsync(snapshotter);
    }

    private static bool CanRebase(LocalSnapshotter snapshotter) => snapshotter.Capabilities.HasFlag(SnapshotterCapabilities.Rebase);
}
