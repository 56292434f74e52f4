using System.Text.Json.Serialization;

namespace Containerd.Images;

/// <summary>The <c>format</c> file of a root: what it is and who wrote it.</summary>
internal sealed record RootFormat
{
    /// <summary>What the root holds.</summary>
    [JsonPropertyName("component")]
    public required string Component { get; init; }

    /// <summary>The version of the layout.</summary>
    [JsonPropertyName("format")]
    public required int Format { get; init; }

    /// <summary>The version of the package that made the root.</summary>
    [JsonPropertyName("writer")]
    public required string Writer { get; init; }
}
