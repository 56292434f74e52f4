using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>The size of a terminal in characters.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config.md §Process.</remarks>
public sealed record SpecBox
{
    /// <summary>Rows.</summary>
    public uint Height { get; init; }

    /// <summary>Columns.</summary>
    public uint Width { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
