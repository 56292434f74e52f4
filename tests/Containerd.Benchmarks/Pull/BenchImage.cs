using System.Globalization;

namespace Containerd.Benchmarks;

/// <summary>The image that is pulled, on a loopback registry.</summary>
/// <param name="Reference">Its name there.</param>
/// <param name="UnpackedBytes">What its files take when they are unpacked.</param>
internal sealed record BenchImage(string Reference, long UnpackedBytes)
{
    /// <summary>Builds it where no earlier run did (<c>eng/bench-image.sh</c>), and pushes it.</summary>
    public static async Task<BenchImage> PushAsync(Bench bench, LoopbackRegistry registry, CancellationToken cancellationToken)
    {
        string layout = Path.Join(bench.RepositoryRoot, "artifacts", "cache", "bench-image");
        string scratch = bench.Workspace.NewDirectory("image");
        try
        {
            await Tool.RunAsync(Path.Join(bench.RepositoryRoot, "eng", "bench-image.sh"), [layout, scratch], cancellationToken);
            string reference = $"{registry.Address}/bench:latest";
            await Tool.RunAsync("skopeo",
                ["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", $"oci:{layout}:bench", $"docker://{reference}"], cancellationToken);
            string bytes = await File.ReadAllTextAsync(Path.Join(layout, "unpacked-bytes"), cancellationToken);
            return new BenchImage(reference, long.Parse(bytes, CultureInfo.InvariantCulture));
        }
        finally
        {
            await Workspace.RemoveAsync(scratch);
        }
    }
}
