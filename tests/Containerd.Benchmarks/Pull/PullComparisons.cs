namespace Containerd.Benchmarks;

/// <summary>Pull and unpack into an empty store, from a registry on loopback.</summary>
internal static class PullComparisons
{
    public static async Task RunAsync(Bench bench, CancellationToken cancellationToken)
    {
        await using LoopbackRegistry registry = await LoopbackRegistry.StartAsync(bench.Workspace, cancellationToken);
        BenchImage image = await BenchImage.PushAsync(bench, registry, cancellationToken);

        await bench.CompareAsync(new Comparison("pull", "pull and unpack a Debian tree with four layers on top, cold",
            [OurSide(bench, image), ContainerdSide(bench, image), BuildahSide(bench, image)],
            new Dictionary<string, double> { ["ctr"] = 1.0, ["buildah"] = 1.0 }), cancellationToken);
    }

    private static Side OurSide(Bench bench, BenchImage image)
    {
        string directory = "";
        return Cold("ctr-net", () => directory = bench.Workspace.NewDirectory("ctr-net"), () => directory, image) with
        {
            Run = token => CtrNet.PullAsync(directory, image.Reference, token),
        };
    }

    // The daemon is up before the clock starts: its start is no part of a pull.
    private static Side ContainerdSide(Bench bench, BenchImage image)
    {
        string directory = "";
        ContainerdDaemon? daemon = null;
        Side cold = Cold("ctr", () => directory = bench.Workspace.NewDirectory("containerd"), () => directory, image);
        return cold with
        {
            SetUp = async token =>
            {
                await cold.SetUp(token);
                daemon = await ContainerdDaemon.StartAsync(directory, token);
            },
            Run = token => daemon!.PullAsync(image.Reference, token),
            CleanUp = async () =>
            {
                if (daemon is not null)
                    await daemon.DisposeAsync();
                daemon = null;
                await cold.CleanUp();
            },
        };
    }

    private static Side BuildahSide(Bench bench, BenchImage image)
    {
        string directory = "";
        return Cold("buildah", () => directory = bench.Workspace.NewDirectory("buildah"), () => directory, image) with
        {
            Run = token => Buildah.PullAsync(directory, image.Reference, token),
        };
    }

    // An empty directory for each round, which in the end holds at least the unpacked image.
    private static Side Cold(string name, Action create, Func<string> directory, BenchImage image) => new(name)
    {
        SetUp = _ =>
        {
            create();
            return Task.CompletedTask;
        },
        Run = _ => Task.CompletedTask,
        Verify = async token =>
        {
            long bytes = await Tool.UsageAsync(directory(), token);
            if (bytes < image.UnpackedBytes)
                throw new InvalidOperationException($"{name} pulled {bytes} bytes, but the image unpacks to {image.UnpackedBytes}.");
        },
        CleanUp = () => Workspace.RemoveAsync(directory()),
    };
}
