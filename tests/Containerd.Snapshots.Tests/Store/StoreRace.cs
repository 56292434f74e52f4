namespace Containerd.Snapshots;

/// <summary>Random operations on a store that others work on at the same time; every error must be one that the race explains.</summary>
internal static class StoreRace
{
    public static async Task RunAsync(string root, StoreSetup setup, int seed, int count)
    {
        await using LocalSnapshotter snapshotter = StoreCrashChild.Open("overlay", root, cleansInBackground: true, setup);
#pragma warning disable CA5394 // a test that can be repeated, no secret
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            string key = $"key-{random.Next(6)}", name = $"name-{random.Next(6)}";
            string? parent = random.Next(2) == 0 ? null : $"name-{random.Next(6)}";
            byte layer = (byte)random.Next(3);
            bool isLayer = random.Next(2) == 0;
            int verb = random.Next(40);
#pragma warning restore CA5394
            (Func<Task> action, ErrorKind[] explained) = verb switch
            {
                < 7 => ((Func<Task>)(() => snapshotter.PrepareAsync(key, parent, new() { IsLayer = isLayer })), new[] { ErrorKind.NotFound, ErrorKind.AlreadyExists }),
                < 10 => (() => snapshotter.ViewAsync(key, parent), [ErrorKind.NotFound, ErrorKind.AlreadyExists]),
                // A view is not committed, and only what has no parent is given another.
                < 16 => (
                    () => snapshotter.CommitAsync(name, key, new() { DiffId = DiffIdOf(layer), Parent = isLayer ? parent : null }),
                    [ErrorKind.NotFound, ErrorKind.AlreadyExists, ErrorKind.FailedPrecondition, ErrorKind.InvalidArgument]),
                < 22 => (() => CommitLayerAsync(snapshotter, name, $"key of {seed}", parent, layer, isLayer), [ErrorKind.NotFound, ErrorKind.AlreadyExists]),
                < 25 => (() => snapshotter.AdoptAsync(name, parent, DiffIdOf(layer)), [ErrorKind.NotFound, ErrorKind.AlreadyExists]),
                < 28 => (() => snapshotter.RemoveAsync(key), [ErrorKind.NotFound]),
                < 33 => (() => snapshotter.RemoveAsync(name), [ErrorKind.NotFound, ErrorKind.FailedPrecondition]),
                < 34 => (() => snapshotter.UsageAsync(isLayer ? key : name), [ErrorKind.NotFound]),
                < 35 => (() => snapshotter.MountsAsync(key), [ErrorKind.NotFound]),
                < 36 => (() => ListAsync(snapshotter), []),
                < 37 => (() => snapshotter.UpdateAsync(isLayer ? key : name, LabelUpdate.Set("seed", $"{seed}")), [ErrorKind.NotFound]),
                < 39 => (() => snapshotter.CleanupAsync(), []),
                _ => (() => VerifyAsync(snapshotter), []),
            };
            await TryAsync(action, explained, $"Operation {i}, number {verb},");
        }
    }

    /// <summary>Does something that the race may keep from succeeding.</summary>
    public static async Task TryAsync(Func<Task> action, ErrorKind[] explained, string operation)
    {
        try
        {
            await action();
        }
        catch (ContainerdException e) when (explained.Contains(e.Kind))
        {
            // Another was faster, or the keys met in a way that the rules refuse.
        }
        catch (ContainerdException e)
        {
            throw new InvalidOperationException($"{operation} is not explained by a race: {e.Kind}.", e);
        }
    }

    // Only a key that is nobody else's is written to: another would commit it in the middle.
    public static async Task CommitLayerAsync(LocalSnapshotter snapshotter, string name, string key, string? parent, byte layer, bool isRebased)
    {
        IReadOnlyList<Mount> mounts = await snapshotter.PrepareAsync(key, isRebased ? null : parent, new() { IsLayer = isRebased });
        try
        {
            await File.WriteAllTextAsync(Path.Join(StoreCrashChild.TreeOf(mounts), $"file-{layer}"), $"{layer}");
            await snapshotter.CommitAsync(name, key, new() { DiffId = DiffIdOf(layer), IsIndependentOfParent = true, Parent = parent });
        }
        catch (ContainerdException)
        {
            await snapshotter.RemoveAsync(key);
            throw;
        }
    }

    private static async Task ListAsync(LocalSnapshotter snapshotter)
    {
        var names = new HashSet<string>();
        await foreach (SnapshotInfo snapshot in snapshotter.ListAsync())
        {
            if (snapshot.Name.StartsWith("name", StringComparison.Ordinal) != (snapshot.Kind == SnapshotKind.Committed))
                throw new InvalidOperationException($"'{snapshot.Name}' is {snapshot.Kind}.");
            names.Add(snapshot.Name);
        }
    }

    private static async Task VerifyAsync(LocalSnapshotter snapshotter)
    {
        IReadOnlyList<SnapshotDefect> defects = await snapshotter.VerifyAsync();
        if (defects.Count > 0)
            throw new InvalidOperationException($"Defects: {string.Join(' ', defects)}");
    }

    public static Digest DiffIdOf(byte layer) => Digest.Sha256([layer]);
}
