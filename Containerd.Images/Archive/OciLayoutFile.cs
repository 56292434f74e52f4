using System.Text.Json.Serialization;

namespace Containerd.Images;

/// <summary>The <c>oci-layout</c> file. Source: image-spec v1.1 image-layout.md.</summary>
internal sealed record OciLayoutFile
{
    [JsonPropertyName("imageLayoutVersion")]
    public string? Version { get; init; }
}
