using System.Text.Json.Serialization;

namespace Containerd.Images;

/// <summary>The layers of an image, as its configuration names them. Source: image-spec v1.1 config.md.</summary>
public sealed record ImageRootFileSystem
{
    /// <summary>Always <c>layers</c>; null or empty in some old images, which means the same.</summary>
    [JsonPropertyName("type")]
    public string? Type { get; init; }

    /// <summary>The digests of the uncompressed layers, lowest first.</summary>
    [JsonPropertyName("diff_ids"), JsonRequired]
    public required IReadOnlyList<Digest> DiffIds { get; init; }
}
