using System.Diagnostics;

namespace Containerd.Snapshots;

/// <summary>The process of a crash test, which is killed: by itself at a step, or by the test at any moment.</summary>
internal static class StoreCrashChild
{
    public const string Base = "base";
    public const string Layer = "layer";

    /// <summary>What the store beneath has to be based on.</summary>
    public const string Lent = "lent";

    /// <summary>A layer that is kept once: a file of its name over nothing.</summary>
    public static SnapshotCommitOptions Shared { get; } = new() { DiffId = Digest.Sha256("layer"u8), IsIndependentOfParent = true };

    /// <summary>Such a layer of the store beneath.</summary>
    public static SnapshotCommitOptions LentShared { get; } = new() { DiffId = Digest.Sha256("lent layer"u8), IsIndependentOfParent = true };

    public static LocalSnapshotter Open(string driver, string root, bool cleansInBackground, StoreSetup setup = StoreSetup.Plain) => SnapshotterChoice.Open(
        driver,
        new OverlaySnapshotterOptions
        {
            Root = root,
            Durability = setup.HasFlag(StoreSetup.Flushes) ? Durability.Full : Durability.Relaxed,
            CleansInBackground = cleansInBackground,
            WritableRoot = setup.HasFlag(StoreSetup.WritesElsewhere) ? root + "-writable" : null,
            AdditionalRoots = setup.HasFlag(StoreSetup.Borrows) ? [LenderOf(root)] : [],
        });

    public static string LenderOf(string root) => root + "-lender";

    /// <summary>What snapshots are based on.</summary>
    public static string ParentIn(StoreSetup setup) => setup.HasFlag(StoreSetup.Borrows) ? Lent : Base;

    /// <summary>What the store beneath has for one repair, to be damaged.</summary>
    public static string LentFor(string number) => $"lent-{number}";

    /// <summary>The directory of an active snapshot's own files.</summary>
    public static string TreeOf(IReadOnlyList<Mount> mounts) =>
        OverlayMount.TryParse(mounts[0], out OverlayMount? overlay) ? overlay.UpperDirectory ?? overlay.LowerDirectories[0] : mounts[0].Source;

    /// <summary>Does something and kills itself at a step of it.</summary>
    public static async Task DieAtAsync(string driver, string root, StoreSetup setup, StoreStep fatal, string verb, string number)
    {
        LocalSnapshotter snapshotter = Open(driver, root, cleansInBackground: false, verb == "elsewhere" ? setup | StoreSetup.WritesElsewhere : setup);
        snapshotter.Reached = step =>
        {
            if (step == fatal)
                Process.GetCurrentProcess().Kill(); // SIGKILL
        };
        string victim = $"victim-{number}", committed = $"committed-{number}", removable = $"removable-{number}", parent = ParentIn(setup);
        switch (verb)
        {
            case "prepare":
                await snapshotter.PrepareAsync(victim, parent);
                break;
            case "commit" or "elsewhere":
                await WriteAsync(await snapshotter.PrepareAsync(victim, parent), victim);
                await snapshotter.CommitAsync(committed, victim);
                break;
            case "share":
                await WriteAsync(await snapshotter.PrepareAsync(victim, parent), Layer);
                await snapshotter.CommitAsync(committed, victim, Shared);
                break;
            case "rebase":
                await WriteAsync(await snapshotter.PrepareAsync(victim, null, new() { IsLayer = true }), victim);
                await snapshotter.CommitAsync(committed, victim, new() { Parent = parent });
                break;
            case "adopt":
                await snapshotter.AdoptAsync(committed, parent, Shared.DiffId!.Value);
                break;
            case "adopt lent":
                await snapshotter.AdoptAsync(committed, Base, LentShared.DiffId!.Value);
                break;
            case "remove":
                await snapshotter.RemoveAsync(removable);
                break;
            case "clean":
                await snapshotter.RemoveAsync(removable);
                await snapshotter.CleanupAsync();
                break;
            case "repair":
                await snapshotter.RepairAsync();
                break;
            default:
                throw new ArgumentException(verb, nameof(verb));
        }
    }

    /// <summary>Works until it is killed, and says what it has committed (<c>+NAME</c>) and what it is about to remove (<c>-NAME</c>).</summary>
    public static async Task WorkAsync(string driver, string root, StoreSetup setup, int seed)
    {
        LocalSnapshotter snapshotter = Open(driver, root, cleansInBackground: true, setup);
        bool rebases = snapshotter.Capabilities.HasFlag(SnapshotterCapabilities.Rebase);
        string parent = ParentIn(setup);
        // Each goes on until one fails.
        await await Task.WhenAny(Enumerable.Range(0, 2).Select(lane => Task.Run(async () =>
        {
            for (int i = 0; ; i++)
            {
                string name = $"work-{seed}-{lane}-{i}", key = $"key of {name}";
                bool isRebased = rebases && i % 3 == 1, isShared = i % 3 == 2;
                IReadOnlyList<Mount> mounts = await snapshotter.PrepareAsync(key, isRebased ? null : parent, new() { IsLayer = isRebased });
                await WriteAsync(mounts, isShared ? Layer : name);
                await snapshotter.CommitAsync(name, key, (isShared ? Shared : new()) with { Parent = parent });
                Console.WriteLine($"+{name}");
                await snapshotter.PrepareAsync($"on {name}", name);
                Digest layer = (setup.HasFlag(StoreSetup.Borrows) && i % 2 == 0 ? LentShared : Shared).DiffId!.Value;
                if (await snapshotter.AdoptAsync($"adopted {name}", name, layer) is not null)
                    Console.WriteLine($"+adopted {name}");
                await snapshotter.RemoveAsync($"on {name}");
                if (i % 2 == 0)
                    continue;
                string old = $"work-{seed}-{lane}-{i - 1}";
                if (await snapshotter.FindAsync($"adopted {old}") is not null)
                {
                    Console.WriteLine($"-adopted {old}");
                    await snapshotter.RemoveAsync($"adopted {old}");
                }
                Console.WriteLine($"-{old}");
                await snapshotter.RemoveAsync(old);
                if (i % 4 == 3)
                    await snapshotter.CleanupAsync();
                else
                    await RepairNothingAsync(snapshotter);
            }
        })));
    }

    private static async Task RepairNothingAsync(LocalSnapshotter snapshotter)
    {
        SnapshotRepairResult repaired = await snapshotter.RepairAsync();
        if (repaired.Removed.Count + repaired.Remaining.Count > 0)
            throw new InvalidOperationException($"Removed: {string.Join(' ', repaired.Removed)} Defects: {string.Join(' ', repaired.Remaining)}");
    }

    private static Task WriteAsync(IReadOnlyList<Mount> mounts, string file) => File.WriteAllTextAsync(Path.Join(TreeOf(mounts), file), file);
}
