namespace Containerd.Snapshots;

/// <summary>Random operations on a store that others work on at the same time; every error must be one that the race explains.</summary>
internal static class StoreRace
{
    public static async Task RunAsync(string root, int seed, int count)
    {
        await using var snapshotter = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = root, Durability = Durability.Relaxed });
#pragma warning disable CA5394 // a test that can be repeated, no secret
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            string key = $"key-{random.Next(6)}", name = $"name-{random.Next(6)}";
            string? parent = random.Next(2) == 0 ? null : $"name-{random.Next(6)}";
            int verb = random.Next(9);
            var diffId = Digest.Sha256([(byte)random.Next(3)]);
#pragma warning restore CA5394
            try
            {
                switch (verb)
                {
                    case 0 or 1:
                        await snapshotter.PrepareAsync(key, parent);
                        break;
                    case 2:
                        await snapshotter.ViewAsync(key, parent);
                        break;
                    case 3 or 4:
                        await snapshotter.CommitAsync(name, key, new() { DiffId = diffId, IsIndependentOfParent = verb == 3 });
                        break;
                    case 5:
                        await snapshotter.AdoptAsync(name, parent, diffId);
                        break;
                    case 6:
                        await snapshotter.RemoveAsync(key);
                        break;
                    case 7:
                        await snapshotter.RemoveAsync(name);
                        break;
                    default:
                        await snapshotter.CleanupAsync();
                        break;
                }
            }
            catch (ContainerdException e) when (e.Kind is ErrorKind.NotFound or ErrorKind.AlreadyExists or ErrorKind.FailedPrecondition or ErrorKind.InvalidArgument)
            {
                // Another was faster, or the keys met in a way that the rules refuse.
            }
        }
    }
}
