using System.Globalization;
using System.Text.Json.Nodes;

namespace Containerd.Benchmarks;

/// <summary>An image with compilers and libraries, as an OCI layout in the workspace.</summary>
/// <param name="Layout">Where it is.</param>
/// <param name="Layers">The files of its layers, lowest first.</param>
/// <param name="UnpackedBytes">What the files take that are left when all layers are unpacked on one another.</param>
/// <param name="UnpackedFiles">How many they are, directories and links included.</param>
internal sealed record DevelopmentImage(string Layout, IReadOnlyList<string> Layers, long UnpackedBytes, long UnpackedFiles)
{
    /// <summary>Its name in the layout.</summary>
    public const string Name = "development";

    private const int LeastFiles = 50_000;
    private const long LeastBytes = 1L << 30;

    /// <summary>Builds it where no earlier run did (<c>eng/development-image.sh</c>), and copies it to tmpfs, from where every side reads it.</summary>
    public static async Task<DevelopmentImage> CopyAsync(Bench bench, CancellationToken cancellationToken)
    {
        string kept = Path.Join(bench.RepositoryRoot, "artifacts", "cache", "development-image"), scratch = bench.Workspace.NewDirectory("image");
        try
        {
            await Tool.RunAsync(Path.Join(bench.RepositoryRoot, "eng", "development-image.sh"), [kept, scratch], cancellationToken);
        }
        finally
        {
            await Workspace.RemoveAsync(scratch);
        }
        string layout = bench.Workspace.NewDirectory("development");
        await Tool.RunAsync("cp", ["--recursive", kept + "/.", layout], cancellationToken);
        var image = new DevelopmentImage(
            layout, LayersOf(layout), Number(Path.Join(layout, "unpacked-bytes")), Number(Path.Join(layout, "unpacked-files")));
        if (image.UnpackedFiles < LeastFiles || image.UnpackedBytes < LeastBytes)
            throw new InvalidOperationException($"The image has {image.UnpackedFiles} files and {image.UnpackedBytes} bytes; {LeastFiles} and {LeastBytes} are needed.");
        return image;
    }

    private static List<string> LayersOf(string layout)
    {
        JsonNode index = Read(Path.Join(layout, "index.json"));
        JsonNode manifest = Read(Blob(index["manifests"]![0]!));
        return [.. manifest["layers"]!.AsArray().Select(layer => Blob(layer!))];

        string Blob(JsonNode descriptor) => Path.Join(layout, "blobs", "sha256", Digest.Parse(descriptor["digest"]!.GetValue<string>()).Hex);
    }

    private static JsonNode Read(string file) => JsonNode.Parse(File.ReadAllBytes(file))!;

    private static long Number(string file) => long.Parse(File.ReadAllText(file), CultureInfo.InvariantCulture);
}
