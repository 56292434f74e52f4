using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Images;

/// <summary>The configuration of an image: what it runs on, what it wishes for its process, and which layers it is made of.</summary>
/// <remarks>
/// Untrusted: every member is whatever the image's author wrote. Immutable; equality is by reference for lists and maps. For reading only, as
/// <see cref="ImageManifest"/>. Source: image-spec v1.1 config.md.
/// </remarks>
public sealed record ImageConfiguration
{
    /// <summary>The most bytes a configuration may have: 4 MiB.</summary>
    public const int MaxBytes = 4 * 1024 * 1024;

    /// <summary>When it was made, as its author wrote it; null where it does not say.</summary>
    [JsonPropertyName("created"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Created { get; init; }

    /// <summary>Who made it; null where it does not say.</summary>
    [JsonPropertyName("author"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Author { get; init; }

    /// <summary>The operating system it runs on; null where it does not say.</summary>
    [JsonPropertyName("os"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Os { get; init; }

    /// <summary>The architecture it runs on; null where it does not say.</summary>
    [JsonPropertyName("architecture"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Architecture { get; init; }

    /// <summary>The variant of the architecture; null where there is none.</summary>
    [JsonPropertyName("variant"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Variant { get; init; }

    /// <summary>The version of the operating system; null where it does not matter.</summary>
    [JsonPropertyName("os.version"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? OsVersion { get; init; }

    /// <summary>Features of the operating system it needs; null for none.</summary>
    [JsonPropertyName("os.features"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? OsFeatures { get; init; }

    /// <summary>What it wishes for its process; null for nothing.</summary>
    [JsonPropertyName("config"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ImageConfig? Config { get; init; }

    /// <summary>The uncompressed layers.</summary>
    [JsonPropertyName("rootfs"), JsonRequired]
    public required ImageRootFileSystem RootFileSystem { get; init; }

    /// <summary>JSON members that this type does not know, <c>history</c> among them; null for none. Settable for source-generated serialisers only, which cannot initialise it.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? ExtensionData { get; set; }

    /// <summary>What it runs on; null where it does not say.</summary>
    [JsonIgnore]
    public Platform? Platform => string.IsNullOrEmpty(Os) || string.IsNullOrEmpty(Architecture)
        ? null
        : new Platform
        {
            Os = Os,
            Architecture = Architecture,
            Variant = string.IsNullOrEmpty(Variant) ? null : Variant,
            OsVersion = string.IsNullOrEmpty(OsVersion) ? null : OsVersion,
            OsFeatures = OsFeatures,
        };

    /// <summary>Reads a configuration.</summary>
    /// <param name="json">The bytes, already verified against their descriptor.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.DataCorrupted"/>: not a configuration. -or-
    /// <see cref="ErrorKind.NotSupported"/>: a root file system that is not made of layers. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: more than <see cref="MaxBytes"/>.</exception>
    public static ImageConfiguration Parse(ReadOnlySpan<byte> json)
    {
        if (json.Length > MaxBytes)
            throw new ContainerdException(ErrorKind.ResourceExhausted, $"The image's configuration has {json.Length} bytes; {MaxBytes} are allowed.");
        ImageConfiguration configuration = ImageJson.Parse(json, ImageJson.Default.ImageConfiguration, "The image's configuration");
        if (configuration.RootFileSystem?.DiffIds is null)
            throw new ContainerdException(ErrorKind.DataCorrupted, "The image's configuration is not valid: it does not say which layers it has.");
        if (configuration.RootFileSystem.Type is { Length: > 0 } and not "layers")
            throw new ContainerdException(ErrorKind.NotSupported, $"The image's root file system is of type '{Excerpt.Of(configuration.RootFileSystem.Type)}'; only layers are supported.");
        return configuration;
    }
}
