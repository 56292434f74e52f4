using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Images;

/// <summary>A list of manifests: one image for several platforms, or several images.</summary>
/// <remarks>
/// Immutable; equality is by reference for lists and maps. For reading only, as <see cref="ImageManifest"/>. Source: image-spec v1.1 image-index.md; Docker
/// distribution manifest list.
/// </remarks>
public sealed record ImageIndex
{
    /// <summary>Always 2.</summary>
    [JsonPropertyName("schemaVersion"), JsonRequired]
    public required int SchemaVersion { get; init; }

    /// <summary>What it is; null where an OCI index does not say.</summary>
    [JsonPropertyName("mediaType"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? MediaType { get; init; }

    /// <summary>The type of artifact; null for images.</summary>
    [JsonPropertyName("artifactType"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ArtifactType { get; init; }

    /// <summary>The manifests, or further indexes, with what they run on.</summary>
    [JsonPropertyName("manifests"), JsonRequired]
    public required IReadOnlyList<Descriptor> Manifests { get; init; }

    /// <summary>The manifest this index is about; null for none.</summary>
    [JsonPropertyName("subject"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Descriptor? Subject { get; init; }

    /// <summary>Free-form facts; null for none. Untrusted.</summary>
    [JsonPropertyName("annotations"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    /// <summary>JSON members that the specification does not know; null for none. Settable for source-generated serialisers only, which cannot initialise it.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? ExtensionData { get; set; }

    /// <summary>Reads an index.</summary>
    /// <param name="json">The bytes, already verified against their descriptor.</param>
    /// <param name="mediaType">What the descriptor says they are.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.DataCorrupted"/>: not an index, one whose own media type is another, or one that could also be read
    /// as a manifest. -or- <see cref="ErrorKind.NotSupported"/>: a Docker schema 1 manifest.</exception>
    public static ImageIndex Parse(ReadOnlySpan<byte> json, string mediaType)
    {
        ArgumentNullException.ThrowIfNull(mediaType);
        ManifestRule.CheckBefore(json, mediaType);
        ImageIndex index = ImageJson.Parse(json, ImageJson.Default.ImageIndex, "The index");
        ManifestRule.Check(index.SchemaVersion, index.MediaType, mediaType, MediaTypes.IsIndex, index.ExtensionData, ["config", "layers", "fsLayers"]);
        if (index.Manifests is null || index.Manifests.Any(manifest => manifest is null))
            throw new ContainerdException(ErrorKind.DataCorrupted, "The index is not valid: its list or a manifest in it is null.");
        return index;
    }
}
