namespace Containerd.Benchmarks;

/// <summary>What the snapshotter does with its store, one call after the other. Each round leaves the store as full as it was.</summary>
internal static class StoreSides
{
    private const int Changes = 2_000;
    private const int Lookups = 50_000;
    private const int Containers = 100;

    /// <summary>Layers on the image's bottom layer: prepared empty, and committed.</summary>
    public static Side PrepareAndCommit(FilledStore store)
    {
        string[] keys = Keys("extract"), names = [.. Enumerable.Range(0, Changes).Select(i => FilledStore.LayerName($"pair {i}"))];
        return new Side(store.Name)
        {
            Operations = Changes,
            Run = async token =>
            {
                for (int i = 0; i < Changes; i++)
                {
                    await store.Snapshotter.PrepareAsync(keys[i], store.BottomLayer, cancellationToken: token);
                    await store.Snapshotter.CommitAsync(names[i], keys[i], cancellationToken: token);
                }
            },
            Verify = token => VerifyAsync(store, names, SnapshotKind.Committed, token),
            CleanUp = () => store.RemoveAsync([.. names, .. keys]),
        };
    }

    /// <summary>Containers on the ten layers of the image.</summary>
    public static Side Prepare(FilledStore store)
    {
        string[] keys = Keys("container");
        return new Side(store.Name)
        {
            Operations = Changes,
            Run = token => PrepareAsync(store, keys, token),
            Verify = token => VerifyAsync(store, keys, SnapshotKind.Active, token),
            CleanUp = () => store.RemoveAsync(keys),
        };
    }

    /// <summary>The mounts of containers on the ten layers of the image.</summary>
    public static Side Mounts(FilledStore store)
    {
        string[] keys = Keys("container")[..Containers];
        long lowers = 0;
        return new Side(store.Name)
        {
            Operations = Lookups,
            SetUp = token => PrepareAsync(store, keys, token),
            Run = async token =>
            {
                lowers = 0;
                for (int i = 0; i < Lookups; i++)
                {
                    IReadOnlyList<Mount> mounts = await store.Snapshotter.MountsAsync(keys[i % Containers], token);
                    lowers += mounts.Count;
                }
            },
            Verify = async token =>
            {
                Require(lowers == Lookups, $"{lowers} mounts of {Lookups}");
                IReadOnlyList<Mount> mounts = await store.Snapshotter.MountsAsync(keys[0], token);
                Require(OverlayMount.TryParse(mounts[0], out OverlayMount? overlay) && overlay.LowerDirectories.Length == FilledStore.ImageLayers, $"'{mounts[0]}' of ten layers");
            },
            CleanUp = () => store.RemoveAsync(keys),
        };
    }

    /// <summary>Look-ups of names all over the store.</summary>
    public static Side Find(FilledStore store)
    {
        // A stride that is prime to every size visits all, neighbours far from each other.
        string[] names = [.. Enumerable.Range(0, Lookups).Select(i => store.Names[(int)(i * 7919L % store.Names.Count)])];
        int found = 0;
        return new Side(store.Name)
        {
            Operations = Lookups,
            Run = async token =>
            {
                found = 0;
                foreach (string name in names)
                    found += await store.Snapshotter.FindAsync(name, token) is { } info && info.Name == name ? 1 : 0;
            },
            Verify = _ =>
            {
                Require(found == Lookups, $"{found} look-ups of {Lookups}");
                return Task.CompletedTask;
            },
        };
    }

    /// <summary>Removal of containers on the ten layers of the image. Freeing the space is no part of it.</summary>
    public static Side Remove(FilledStore store)
    {
        string[] keys = Keys("container");
        return new Side(store.Name)
        {
            Operations = Changes,
            SetUp = token => PrepareAsync(store, keys, token),
            Run = async token =>
            {
                foreach (string key in keys)
                    await store.Snapshotter.RemoveAsync(key, token);
            },
            Verify = token => VerifyAsync(store, keys, kind: null, token),
            CleanUp = () => store.RemoveAsync(keys),
        };
    }

    /// <summary>Removal of containers, and freeing the space they took.</summary>
    public static Side RemoveAndCleanUp(FilledStore store)
    {
        Side remove = Remove(store);
        return remove with
        {
            Run = async token =>
            {
                await remove.Run(token);
                await store.Snapshotter.CleanupAsync(token);
            },
        };
    }

    private static string[] Keys(string word) => [.. Enumerable.Range(0, Changes).Select(i => $"bench-{word}-{i}")];

    private static async Task PrepareAsync(FilledStore store, string[] keys, CancellationToken cancellationToken)
    {
        foreach (string key in keys)
            await store.Snapshotter.PrepareAsync(key, store.TopLayer, cancellationToken: cancellationToken);
    }

    private static async Task VerifyAsync(FilledStore store, string[] names, SnapshotKind? kind, CancellationToken cancellationToken)
    {
        foreach (string name in names)
        {
            SnapshotKind? found = (await store.Snapshotter.FindAsync(name, cancellationToken))?.Kind;
            Require(found == kind, $"'{name}' as {found?.ToString() ?? "nothing"}");
        }
    }

    private static void Require(bool holds, string instead)
    {
        if (!holds)
            throw new InvalidOperationException($"The snapshotter did not do its work: it gave {instead}.");
    }
}
