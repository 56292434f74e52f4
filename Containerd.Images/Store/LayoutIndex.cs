using System.Text.Json;
using System.Text.RegularExpressions;

namespace Containerd.Images;

/// <summary>The <c>index.json</c> of the root: the image names as other programs look for them.</summary>
internal static partial class LayoutIndex
{
    public const string RefName = "org.opencontainers.image.ref.name";
    public const string ContainerdName = "io.containerd.image.name";

    /// <summary>Makes the index say what the database says. The caller holds the root's lock, so that the last writer is the one who read last.</summary>
    public static async Task WriteAsync(ImageRoot root, CancellationToken cancellationToken)
    {
        List<ImageRecord> images = await root.Database.ReadAsync(ImageStore.List, cancellationToken).ConfigureAwait(false);
        var index = new ImageIndex { SchemaVersion = 2, MediaType = MediaTypes.OciIndex, Manifests = [.. images.Select(Describe)] };
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(index, ImageJson.Default.ImageIndex);
        string path = Path.Join(root.Path, "index.json");
        if (root.Files.File.Exists(path) && root.Files.FileInfo.New(path).Length == json.Length
            && (await root.Files.File.ReadAllBytesAsync(path, cancellationToken).ConfigureAwait(false)).AsSpan().SequenceEqual(json))
        {
            return;
        }
        await root.ReplaceFileAsync(path, json, cancellationToken).ConfigureAwait(false);
    }

    private static Descriptor Describe(ImageRecord image)
    {
        var annotations = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach ((string key, string value) in image.Target.Annotations ?? new Dictionary<string, string>())
            annotations[key] = value;
        annotations[ContainerdName] = image.Name;
        annotations.Remove(RefName);
        if (RefNameForm().IsMatch(image.Name))
            annotations[RefName] = image.Name;
        return image.Target with { Annotations = annotations, Data = null };
    }

    // image-spec v1.1 annotations.md, org.opencontainers.image.ref.name.
    [GeneratedRegex(@"\A[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*\z", RegexOptions.NonBacktracking)]
    private static partial Regex RefNameForm();
}
