using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Images;

/// <summary>The manifest of one image: its configuration and its layers.</summary>
/// <remarks>
/// Immutable; equality is by reference for lists and maps. For reading only: what is stored and sent is always the bytes that came, never this
/// written again. Source: image-spec v1.1 manifest.md; Docker distribution manifest v2 schema 2.
/// </remarks>
public sealed record ImageManifest
{
    /// <summary>The most bytes a manifest or index may have: 4 MiB, as registries have it.</summary>
    public const int MaxBytes = 4 * 1024 * 1024;

    /// <summary>Always 2.</summary>
    [JsonPropertyName("schemaVersion"), JsonRequired]
    public required int SchemaVersion { get; init; }

    /// <summary>What it is; null where an OCI manifest does not say.</summary>
    [JsonPropertyName("mediaType"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? MediaType { get; init; }

    /// <summary>The type of artifact; null for an image.</summary>
    [JsonPropertyName("artifactType"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ArtifactType { get; init; }

    /// <summary>The configuration.</summary>
    [JsonPropertyName("config"), JsonRequired]
    public required Descriptor Config { get; init; }

    /// <summary>The layers, lowest first.</summary>
    [JsonPropertyName("layers"), JsonRequired]
    public required IReadOnlyList<Descriptor> Layers { get; init; }

    /// <summary>The manifest this one is about; null for none.</summary>
    [JsonPropertyName("subject"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Descriptor? Subject { get; init; }

    /// <summary>Free-form facts about the image; null for none. Untrusted.</summary>
    [JsonPropertyName("annotations"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    /// <summary>JSON members that the specification does not know; null for none. Settable for source-generated serialisers only, which cannot initialise it.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? ExtensionData { get; set; }

    /// <summary>Reads a manifest.</summary>
    /// <param name="json">The bytes, already verified against their descriptor.</param>
    /// <param name="mediaType">What the descriptor says they are.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.DataCorrupted"/>: not a manifest, one whose own media type is another, or one that could also be read
    /// as an index. -or- <see cref="ErrorKind.NotSupported"/>: a Docker schema 1 manifest.</exception>
    public static ImageManifest Parse(ReadOnlySpan<byte> json, string mediaType)
    {
        ArgumentNullException.ThrowIfNull(mediaType);
        ManifestRule.CheckBefore(json, mediaType);
        ImageManifest manifest = ImageJson.Parse(json, ImageJson.Default.ImageManifest, "The manifest");
        ManifestRule.Check(manifest.SchemaVersion, manifest.MediaType, mediaType, MediaTypes.IsManifest, manifest.ExtensionData, ["manifests", "fsLayers"]);
        if (manifest.Config is null || manifest.Layers is null || manifest.Layers.Any(layer => layer is null))
            throw new ContainerdException(ErrorKind.DataCorrupted, "The manifest is not valid: its configuration or a layer is null.");
        return manifest;
    }
}
