using Containerd.Images;
using Containerd.Snapshots;

namespace Containerd.Benchmarks;

/// <summary>Everybody's way from the layers of an image, in files on tmpfs, to trees on tmpfs.</summary>
internal static class ApplySides
{
    private const double MostAllocatedPerEntry = 200;
    private const double MostMemory = 64;

    /// <summary>As the library unpacks an image, in this process: digests are verified, snapshots are committed in the chain's order.</summary>
    public static Side Ours(Bench bench, DevelopmentImage image)
    {
        string directory = "";
        Unpacking? unpacking = null;
        long idle = 0, peak = 0, allocated = 0;
        return new Side("ours")
        {
            SetUp = async token =>
            {
                directory = bench.Workspace.NewDirectory("unpack");
                unpacking = await Unpacking.ImportAsync(directory, image, token);
                idle = ProcessMemory.StartOver();
            },
            Run = async token =>
            {
                long before = GC.GetTotalAllocatedBytes(precise: true);
                await unpacking!.RunAsync(token);
                allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
                peak = ProcessMemory.Peak();
            },
            Verify = async token =>
            {
                await unpacking!.VerifyAsync(token);
                await RequireBytesAsync("ours", unpacking.SnapshotRoot, image, token);
            },
            Measures =
            [
                new Measure("managed bytes allocated per entry", () => (double)allocated / unpacking!.Entries, MostAllocatedPerEntry),
                new Measure("peak memory above idle, MiB", () => (peak - idle) / (double)(1 << 20), MostMemory),
                new Measure("entries", () => unpacking!.Entries),
            ],
            CleanUp = async () =>
            {
                if (unpacking is not null)
                    await unpacking.DisposeAsync();
                unpacking = null;
                await Workspace.RemoveAsync(directory);
            },
        };
    }

    /// <summary>A pipe of igzip and tar for each layer. Nothing is verified.</summary>
    public static Side IgzipAndTar(Bench bench, DevelopmentImage image) => Pipes("igzip and tar", bench, image, "igzip --decompress --stdout \"$0\"");

    /// <summary>The same with pigz, which has zlib expand on one thread, and read, write and check on others.</summary>
    public static Side PigzAndTar(Bench bench, DevelopmentImage image) => Pipes("pigz and tar", bench, image, "pigz --decompress --stdout \"$0\"");

    /// <summary>igzip and tar, and beside them OpenSSL, which makes the digest that a layer is verified by: the same work as ours.</summary>
    public static Side IgzipOpensslAndTar(Bench bench, DevelopmentImage image) => Pipes(
        "igzip, openssl and tar", bench, image, "igzip --decompress --stdout \"$0\" | tee >(openssl dgst -sha256 -r >\"$1.digest\")");

    // All layers at once, each into a directory of its own; deletions stay files.
    private static Side Pipes(string name, Bench bench, DevelopmentImage image, string expand) => External(name, bench, image, (directory, token) =>
        Task.WhenAll(image.Layers.Select((layer, number) =>
        {
            string tree = Directory.CreateDirectory(Path.Join(directory, $"{number}")).FullName;
            return Tool.RunAsync("bash", ["-c", $"set -o pipefail; {expand} | tar --extract --numeric-owner --directory \"$1\" && wait", layer, tree], token);
        })));

    /// <summary><c>umoci unpack</c>, which puts the layers into one tree, one after the other.</summary>
    public static Side Umoci(Bench bench, DevelopmentImage image) => External("umoci", bench, image, (directory, token) =>
        Tool.RunAsync("umoci", ["unpack", "--image", $"{image.Layout}:{DevelopmentImage.Name}", Path.Join(directory, "bundle")], token));

    private static Side External(string name, Bench bench, DevelopmentImage image, Func<string, CancellationToken, Task> run)
    {
        string directory = "";
        return new Side(name)
        {
            SetUp = _ =>
            {
                directory = bench.Workspace.NewDirectory("unpack");
                return Task.CompletedTask;
            },
            Run = token => run(directory, token),
            Verify = token => RequireBytesAsync(name, directory, image, token),
            CleanUp = () => Workspace.RemoveAsync(directory),
        };
    }

    // Trees of their own hold what upper layers replace as well: never less than the one tree.
    private static async Task RequireBytesAsync(string name, string directory, DevelopmentImage image, CancellationToken cancellationToken)
    {
        long bytes = await Tool.UsageAsync(directory, cancellationToken);
        if (bytes < image.UnpackedBytes)
            throw new InvalidOperationException($"{name} unpacked {bytes} bytes, but the image has {image.UnpackedBytes}.");
    }

    /// <summary>An image in a content store, and an empty store of snapshots to unpack it into.</summary>
    private sealed class Unpacking(string directory) : IAsyncDisposable
    {
        private readonly ContentStore _content = new(Path.Join(directory, "images"));
        private readonly ImageStore _names = new(Path.Join(directory, "images"));
        private readonly HttpRegistry _registry = new();
        private readonly OverlaySnapshotter _snapshotter = new(Path.Join(directory, "snapshots"));
        private readonly CountingApplier _applier = new();
        private ImageService _images = null!;
        private Image _image = null!;

        public string SnapshotRoot { get; } = Path.Join(directory, "snapshots");

        public long Entries => _applier.Entries;

        public static async Task<Unpacking> ImportAsync(string directory, DevelopmentImage image, CancellationToken cancellationToken)
        {
            var unpacking = new Unpacking(directory);
            try
            {
                const string name = "bench.invalid/development:latest";
                unpacking._images = new ImageService(unpacking._content, unpacking._names, unpacking._registry);
                await unpacking._images.ImportAsync(image.Layout, new ImageImportOptions { Name = name }, cancellationToken: cancellationToken);
                unpacking._image = await unpacking._images.GetAsync(name, cancellationToken: cancellationToken);
                return unpacking;
            }
            catch
            {
                await unpacking.DisposeAsync();
                throw;
            }
        }

        public async Task RunAsync(CancellationToken cancellationToken) => await _images.UnpackAsync(_image, _snapshotter, _applier, cancellationToken: cancellationToken);

        public async Task VerifyAsync(CancellationToken cancellationToken) => await _snapshotter.GetAsync(_image.ChainId!, cancellationToken);

        public async ValueTask DisposeAsync()
        {
            await _snapshotter.DisposeAsync();
            _images?.Dispose();
            _registry.Dispose();
            _names.Dispose();
            _content.Dispose();
        }
    }
}
