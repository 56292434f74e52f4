namespace Containerd.Benchmarks;

/// <summary>Layers into trees, and trees into layers.</summary>
internal static class LayerComparisons
{
    public static async Task RunAsync(Bench bench, CancellationToken cancellationToken)
    {
        DevelopmentImage image = await DevelopmentImage.CopyAsync(bench, cancellationToken);
        Side ours = ApplySides.Ours(bench, image), igzip = ApplySides.IgzipAndTar(bench, image), verifying = ApplySides.IgzipOpensslAndTar(bench, image),
            pigz = ApplySides.PigzAndTar(bench, image), umoci = ApplySides.Umoci(bench, image);
        await bench.CompareAsync(
            new Comparison(
                "layers", $"apply the {image.Layers.Count} layers of a development image with {image.UnpackedFiles:N0} files",
                [ours, igzip, verifying, pigz, umoci],
                new Dictionary<string, double> { [igzip.Name] = 1.0, [verifying.Name] = 1.0, [pigz.Name] = 1.0, [umoci.Name] = 1.0 / 5 }),
            cancellationToken);

        await using ChangedTree tree = await ChangedTree.MakeAsync(bench, image, cancellationToken);
        Side gzip = DiffSides.TarAndGzip(bench, tree);
        await bench.CompareAsync(
            new Comparison(
                "layers", $"make a layer of {ChangedTree.Files:N0} changed files", [DiffSides.Ours(bench, tree), gzip], new Dictionary<string, double> { [gzip.Name] = 1.0 }),
            cancellationToken);
    }
}
