using System.Text.Json.Serialization;

namespace Containerd.Images;

/// <summary>One image in the <c>manifest.json</c> of an archive that <c>docker save</c> wrote.</summary>
internal sealed record DockerArchiveImage
{
    [JsonPropertyName("Config")]
    public required string Config { get; init; }

    [JsonPropertyName("RepoTags")]
    public IReadOnlyList<string>? RepoTags { get; init; }

    [JsonPropertyName("Layers")]
    public required IReadOnlyList<string> Layers { get; init; }
}
