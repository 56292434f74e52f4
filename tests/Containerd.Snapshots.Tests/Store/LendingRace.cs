namespace Containerd.Snapshots;

/// <summary>
/// Random operations on a store that others work on at the same time, above another store that its owner changes meanwhile. Some of what is committed
/// (<c>doomed …</c>) is damaged by who has made it, and removed by whoever repairs the store; nothing else may ever be found damaged.
/// </summary>
/// <remarks>
/// An owner must not remove what is in use. So there is what it never removes (<c>lent …</c>); what comes and goes (<c>passing-…</c>, and a name that is committed here too)
/// has the trees of that; and what has trees of its own is no parent here (<c>private</c>).
/// </remarks>
internal static class LendingRace
{
    private const string Bottom = "lent";
    private const int Layers = 3, OperationsPerOpening = 100, ChangesPerOpening = 20;

    private static readonly ErrorKind[] Outrun = [ErrorKind.NotFound, ErrorKind.AlreadyExists];

    public static string[] Lent { get; } = [Bottom, .. Enumerable.Range(0, Layers).Select(LayerName)];

    /// <summary>Makes the store beneath, with what stays in it.</summary>
    public static async Task MakeLenderAsync(string root)
    {
        await using LocalSnapshotter lender = OpenLender(root);
        await CommitAsync(lender, Bottom, "key", null);
        for (byte layer = 0; layer < Layers; layer++)
            await StoreRace.CommitLayerAsync(lender, LayerName(layer), "key", Bottom, layer, isRebased: false);
    }

    /// <summary>Changes the store beneath until it is killed, and says so from time to time.</summary>
    public static async Task LendAsync(string root, int seed)
    {
#pragma warning disable CA5394 // a test that can be repeated, no secret
        var random = new Random(seed);
        while (true)
        {
            await using LocalSnapshotter lender = OpenLender(root);
            for (int i = 0; i < ChangesPerOpening; i++)
            {
                string passing = random.Next(4) == 0 ? "name-0" : Passing(random);
                string parent = random.Next(2) == 0 ? Passing(random) : Lent[random.Next(Lent.Length)];
                Digest layer = StoreRace.DiffIdOf((byte)random.Next(Layers));
                int verb = random.Next(20);
                (Func<Task> action, ErrorKind[] explained) = verb switch
                {
                    < 8 => ((Func<Task>)(() => lender.AdoptAsync(passing, parent, layer)), Outrun),
                    < 14 => (() => lender.RemoveAsync(passing), [ErrorKind.NotFound, ErrorKind.FailedPrecondition]),
                    < 16 => (() => CommitAsync(lender, "private", "private key", parent), Outrun),
                    < 18 => (() => lender.RemoveAsync("private"), [ErrorKind.NotFound]),
                    < 19 => (() => lender.RemoveAsync("private key"), [ErrorKind.NotFound]), // where one was killed
                    _ => (() => lender.CleanupAsync(), []),
                };
                await StoreRace.TryAsync(action, explained, $"The lender's {i}, number {verb},");
            }
            Console.WriteLine(seed);
        }
    }

    /// <summary>Works on the store above; says what it has committed that nobody removes (<c>+NAME</c>).</summary>
    public static async Task BorrowAsync(string root, StoreSetup setup, int seed, int count)
    {
        var random = new Random(seed);
        LocalSnapshotter snapshotter = StoreCrashChild.Open("overlay", root, cleansInBackground: true, setup);
        for (int i = 0; i < count; i++)
        {
            if (i % OperationsPerOpening == OperationsPerOpening - 1)
            {
                await snapshotter.DisposeAsync();
                snapshotter = StoreCrashChild.Open("overlay", root, cleansInBackground: true, setup);
            }
            string key = $"key-{random.Next(4)}", view = $"view-{random.Next(4)}", name = $"name-{random.Next(8)}", work = $"doomed work-{random.Next(3)}", kept = $"kept-{seed}-{i}";
            string? parent = random.Next(6) switch
            {
                0 => null,
                1 or 2 => Lent[random.Next(Lent.Length)],
                3 => Passing(random),
                _ => $"name-{random.Next(6)}",
            };
            byte layer = (byte)random.Next(Layers);
            bool isLayer = random.Next(2) == 0;
            string doomed = $"doomed-{random.Next(1, 5)}";
            int verb = random.Next(62);
#pragma warning restore CA5394
            (Func<Task> action, ErrorKind[] explained) = verb switch
            {
                < 8 => ((Func<Task>)(() => snapshotter.PrepareAsync(key, parent, new() { IsLayer = isLayer })), Outrun),
                < 12 => (() => snapshotter.ViewAsync(view, parent), Outrun),
                < 18 => (
                    () => snapshotter.CommitAsync(name, key, new() { DiffId = StoreRace.DiffIdOf(layer), Parent = isLayer ? parent : null }),
                    [.. Outrun, ErrorKind.InvalidArgument]),
                < 24 => (() => StoreRace.CommitLayerAsync(snapshotter, name, $"key of {seed}", parent, layer, isLayer), Outrun),
                < 28 => (() => snapshotter.AdoptAsync(name, parent, StoreRace.DiffIdOf(layer)), Outrun),
                < 32 => (() => snapshotter.RemoveAsync(isLayer ? key : view), [ErrorKind.NotFound]),
                // The lender has one of these names at times.
                < 38 => (() => snapshotter.RemoveAsync(name), [ErrorKind.NotFound, ErrorKind.FailedPrecondition, ErrorKind.PermissionDenied]),
                < 39 => (() => snapshotter.UpdateAsync(name, LabelUpdate.Set("seed", $"{seed}")), [ErrorKind.NotFound, ErrorKind.PermissionDenied]),
                < 41 => (() => snapshotter.UsageAsync(isLayer ? key : name), [ErrorKind.NotFound]),
                < 42 => (() => snapshotter.MountsAsync(key), [ErrorKind.NotFound]),
                < 44 => (() => ListAsync(snapshotter, setup), []),
                < 46 => (() => CheckLentAsync(snapshotter, setup), []),
                < 48 => (() => snapshotter.CleanupAsync(), []),
                < 49 => (() => VerifyAsync(snapshotter), []),
                < 50 => (() => RepairAsync(snapshotter, isLayer), []),
                // Upon what others need not remove.
                < 54 => (() => CommitAsync(snapshotter, kept, $"key of {seed}", layer == 0 ? LayerName(0) : null, isLayer, says: true), Outrun),
                < 57 => (() => DamageAsync(snapshotter, $"doomed-{seed}", parent, isLayer), Outrun),
                < 59 => (() => snapshotter.PrepareAsync(work, doomed), Outrun),
                < 60 => (() => snapshotter.CommitAsync($"doomed top-{layer}", work), Outrun),
                _ => (() => snapshotter.RemoveAsync(work), [ErrorKind.NotFound]),
            };
            await StoreRace.TryAsync(action, explained, $"Operation {i}, number {verb},");
        }
        await snapshotter.DisposeAsync();
    }

    private static LocalSnapshotter OpenLender(string root) => StoreCrashChild.Open("overlay", StoreCrashChild.LenderOf(root), cleansInBackground: true);

    private static string LayerName(int layer) => $"lent-{layer}";

#pragma warning disable CA5394
    private static string Passing(Random random) => $"passing-{random.Next(3)}";
#pragma warning restore CA5394

    // The key is nobody else's.
    private static async Task CommitAsync(LocalSnapshotter snapshotter, string name, string key, string? parent, bool isRebased = false, bool says = false)
    {
        IReadOnlyList<Mount> mounts = await snapshotter.PrepareAsync(key, isRebased ? null : parent, new() { IsLayer = isRebased });
        try
        {
            await File.WriteAllTextAsync(Path.Join(StoreCrashChild.TreeOf(mounts), name), name);
            await snapshotter.CommitAsync(name, key, new() { Parent = parent });
        }
        catch (ContainerdException)
        {
            await snapshotter.RemoveAsync(key);
            throw;
        }
        if (says)
            Console.WriteLine($"+{name}");
    }

    private static async Task DamageAsync(LocalSnapshotter snapshotter, string name, string? parent, bool isLost)
    {
        await CommitAsync(snapshotter, name, $"key of {name}", parent);
        IReadOnlyList<Mount> mounts = await snapshotter.ViewAsync($"view of {name}", name);
        // Before it is damaged, since it may be repaired by anybody then.
        await snapshotter.RemoveAsync($"view of {name}");
        string tree = StoreCrashChild.TreeOf(mounts);
        if (isLost)
            Directory.Move(tree, tree + " that was");
        else
            File.Delete(Path.Join(tree, name));
    }

    private static async Task RepairAsync(LocalSnapshotter snapshotter, bool removesActive)
    {
        SnapshotRepairResult repaired = await snapshotter.RepairAsync(new() { RemoveActive = removesActive, RemoveForeign = true });
        CheckDoomed(repaired.Removed);
        CheckDoomed(repaired.Remaining.Select(defect => defect.Snapshot ?? $"{defect}"));
    }

    private static async Task VerifyAsync(LocalSnapshotter snapshotter)
    {
        IReadOnlyList<SnapshotDefect> defects = await snapshotter.VerifyAsync();
        CheckDoomed(defects.Select(defect => defect.Snapshot?.StartsWith("doomed", StringComparison.Ordinal) == true ? defect.Snapshot : $"{defect}"));
    }

    private static void CheckDoomed(IEnumerable<string> names)
    {
        string[] others = [.. names.Where(name => !name.StartsWith("doomed", StringComparison.Ordinal))];
        if (others.Length > 0)
            throw new InvalidOperationException($"Found damaged: {string.Join(' ', others)}");
    }

    private static async Task ListAsync(LocalSnapshotter snapshotter, StoreSetup setup)
    {
        var names = new HashSet<string>();
        await foreach (SnapshotInfo snapshot in snapshotter.ListAsync())
        {
            if (!names.Add(snapshot.Name))
                throw new InvalidOperationException($"'{snapshot.Name}' is listed twice.");
        }
        if (setup.HasFlag(StoreSetup.Borrows) && !names.IsSupersetOf(Lent))
            throw new InvalidOperationException($"Listed: {string.Join(' ', names)}");
    }

    private static async Task CheckLentAsync(LocalSnapshotter snapshotter, StoreSetup setup)
    {
        if (!setup.HasFlag(StoreSetup.Borrows))
            return;
        foreach (string name in Lent)
        {
            SnapshotInfo? found = await snapshotter.FindAsync(name);
            if (found?.Kind != SnapshotKind.Committed || found.Parent != (name == Bottom ? null : Bottom) || (await snapshotter.UsageAsync(name)).Inodes != 2)
                throw new InvalidOperationException($"'{name}' is {found}.");
        }
    }
}
