using Containerd.Snapshots;

namespace Containerd.Benchmarks;

/// <summary>Mounting a snapshot and unmounting it again, one after the other.</summary>
internal static class MountSides
{
    private const int Mounts = 300;
    private const string Marker = "bottom";

    private static readonly LinuxMounter Mounter = new();

    /// <summary>On a directory.</summary>
    public static Side OnDirectory(Bench bench, FilledStore store, int layers)
    {
        string target = bench.Workspace.NewDirectory("target");
        return Of(store, layers, (mounts, look) =>
        {
            Mounter.Mount(mounts, target);
            look?.Invoke(target);
            Mounter.Unmount(target);
            if (look is not null && Shows(target))
                throw new InvalidOperationException($"'{target}' is still mounted.");
        });
    }

    /// <summary>As a tree that is in no mount table.</summary>
    public static Side Detached(FilledStore store, int layers) => Of(store, layers, (mounts, look) =>
    {
        using IDetachedMount tree = Mounter.MountDetached(mounts);
        look?.Invoke(tree.Path);
    });

    // The mounts come from the store before the clock starts: in it is the mounter alone.
    private static Side Of(FilledStore store, int layers, Action<IReadOnlyList<Mount>, Action<string>?> mountAndUnmount)
    {
        string[] chain = [.. Enumerable.Range(0, layers).Select(i => FilledStore.LayerName($"mounted {i}"))];
        const string key = "bench-mounted";
        IReadOnlyList<Mount> mounts = [];
        return new Side(store.Name)
        {
            Operations = Mounts,
            SetUp = async token =>
            {
                for (int i = 0; i < layers; i++)
                {
                    IReadOnlyList<Mount> layer = await store.Snapshotter.PrepareAsync(key, i == 0 ? null : chain[i - 1], cancellationToken: token);
                    if (i == 0)
                        await File.WriteAllTextAsync(Path.Join(layer[0].Source, Marker), "", token);
                    await store.Snapshotter.CommitAsync(chain[i], key, cancellationToken: token);
                }
                mounts = await store.Snapshotter.PrepareAsync(key, chain[^1], cancellationToken: token);
            },
            Run = token =>
            {
                for (int i = 0; i < Mounts; i++)
                {
                    token.ThrowIfCancellationRequested();
                    mountAndUnmount(mounts, null);
                }
                return Task.CompletedTask;
            },
            Verify = _ =>
            {
                mountAndUnmount(mounts, root =>
                {
                    if (!Shows(root))
                        throw new InvalidOperationException($"'{root}' does not show the bottom layer.");
                });
                return Task.CompletedTask;
            },
            CleanUp = () => store.RemoveAsync([.. chain, key]),
        };
    }

    private static bool Shows(string root) => File.Exists(Path.Join(root, Marker));
}
