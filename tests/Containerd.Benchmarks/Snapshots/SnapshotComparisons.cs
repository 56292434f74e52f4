namespace Containerd.Benchmarks;

/// <summary>What the overlay snapshotter and the mounter do in a second, and whether a full store is slower than one that is not.</summary>
internal static class SnapshotComparisons
{
    /// <summary>How many snapshots the store has that the fullest is compared with.</summary>
    public const int ReferenceSize = 1_000;

    private const double MostSlowdown = 1.5;

    public static async Task RunAsync(Bench bench, CancellationToken cancellationToken)
    {
        var stores = new List<FilledStore>();
        try
        {
            foreach (int size in (int[])[bench.Snapshots, ReferenceSize, FilledStore.ImageLayers])
                stores.Add(await FilledStore.FillAsync(bench, size, cancellationToken));

            foreach (FilledStore store in stores)
                await store.OpenAsync(Durability.Full);
            await CompareChangesAsync(Durability.Full);
            await CompareAsync("get", StoreSides.Find, minimumRate: 150_000);
            await CompareAsync("mounts of ten layers", StoreSides.Mounts);
            foreach (int layers in (int[])[10, 128])
            {
                await CompareAsync($"mount {layers} layers on a directory and unmount them", store => MountSides.OnDirectory(bench, store, layers));
                await CompareAsync($"mount {layers} layers detached and dispose of them", store => MountSides.Detached(store, layers));
            }

            foreach (FilledStore store in stores)
                await store.OpenAsync(Durability.Relaxed);
            await CompareChangesAsync(Durability.Relaxed);
        }
        finally
        {
            foreach (FilledStore store in stores)
                await store.DisposeAsync();
        }

        // The targets are for the default; what the other saves on a disk, tmpfs does not show.
        async Task CompareChangesAsync(Durability durability)
        {
            string suffix = durability == Durability.Full ? "" : $", {nameof(Durability)}.{durability}";
            bool isDefault = durability == Durability.Full;
            await CompareAsync(
                $"prepare and commit{suffix}", StoreSides.PrepareAndCommit, isDefault ? 10_000 : null,
                like => BarePrepare.Side(bench, durability, like));
            await CompareAsync($"prepare on ten layers{suffix}", StoreSides.Prepare);
            await CompareAsync($"remove{suffix}", StoreSides.Remove, isDefault ? 5_000 : null);
            // Cleaning up looks at every tree of the store.
            await CompareAsync($"remove and clean up{suffix}", StoreSides.RemoveAndCleanUp, mostSlowdown: null);
        }

        // The fullest store in the place of ours, so that the ratio to another is how much slower it is.
        Task CompareAsync(
            string name, Func<FilledStore, Side> side, double? minimumRate = null, Func<Side, Side>? floor = null, double? mostSlowdown = MostSlowdown)
        {
            List<Side> sides = [.. stores.Select(store => side(store) with { MinimumRate = minimumRate })];
            if (floor is not null)
                sides.Add(floor(sides[0]));
            var targets = new Dictionary<string, double>();
            if (mostSlowdown is { } most)
                targets.Add(stores[1].Name, most);
            return bench.CompareAsync(new Comparison("snapshots", name, sides, targets), cancellationToken);
        }
    }
}
