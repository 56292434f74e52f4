using System.Text.Json;

namespace Containerd.Images;

/// <summary>What keeps a document from being a manifest to one reader and an index to another (D-21, CVE-2021-41190).</summary>
internal static class ManifestRule
{
    /// <summary>Tells an old Docker manifest, which no reader here can read, from a damaged one.</summary>
    public static void CheckBefore(ReadOnlySpan<byte> json, string mediaType)
    {
        if (json.Length > ImageManifest.MaxBytes)
            throw new ContainerdException(ErrorKind.ResourceExhausted, $"The manifest has {json.Length} bytes; {ImageManifest.MaxBytes} are allowed.");
        if (mediaType.StartsWith("application/vnd.docker.distribution.manifest.v1", StringComparison.Ordinal))
            throw new ContainerdException(ErrorKind.NotSupported, "The image has a Docker schema 1 manifest, which is obsolete: push it again with a current program.");
    }

    /// <summary>What a manifest says of itself, where its sender did not say what it is.</summary>
    public static string MediaTypeOf(ReadOnlySpan<byte> json, string described)
    {
        CheckBefore(json, described);
        SelfDescription self = ImageJson.Parse(json, ImageJson.Default.SelfDescription, "The manifest");
        if (self.SchemaVersion == 1)
            throw new ContainerdException(ErrorKind.NotSupported, "The image has a Docker schema 1 manifest, which is obsolete: push it again with a current program.");
        return self.MediaType is { } own && (MediaTypes.IsIndex(own) || MediaTypes.IsManifest(own))
            ? own
            : throw new ContainerdException(ErrorKind.NotSupported, $"Neither index nor manifest of an image: it came as '{Excerpt.Of(described)}' and calls itself '{Excerpt.Of(self.MediaType)}'.");
    }

    public static void Check(
        int schemaVersion,
        string? own,
        string described,
        Func<string, bool> isKind,
        IDictionary<string, JsonElement>? others,
        ReadOnlySpan<string> foreignMembers)
    {
        if (schemaVersion != 2)
            throw new ContainerdException(ErrorKind.NotSupported, $"The manifest has schema version {schemaVersion}; only 2 is supported.");
        if (!isKind(described) || (own is { Length: > 0 } && own != described))
        {
            throw new ContainerdException(
                ErrorKind.DataCorrupted, $"The manifest was described as '{Excerpt.Of(described)}' but says of itself that it is '{Excerpt.Of(own)}'.");
        }
        // Other programs match names of members without regard to case.
        foreach (string member in foreignMembers)
        {
            if (others?.Keys.Any(key => key.Equals(member, StringComparison.OrdinalIgnoreCase)) == true)
            {
                throw new ContainerdException(
                    ErrorKind.DataCorrupted, $"The manifest, described as '{Excerpt.Of(described)}', has a member '{member}', by which it could be read as something else.");
            }
        }
    }

    internal sealed record SelfDescription
    {
        [System.Text.Json.Serialization.JsonPropertyName("schemaVersion")]
        public int SchemaVersion { get; init; }

        [System.Text.Json.Serialization.JsonPropertyName("mediaType")]
        public string? MediaType { get; init; }
    }
}
