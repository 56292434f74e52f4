using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>A range of IDs that appear under other numbers.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config-linux.md §User namespace mappings.</remarks>
public sealed record LinuxIdMapping
{
    /// <summary>The first ID inside.</summary>
    [JsonPropertyName("containerID")]
    public uint ContainerID { get; init; }

    /// <summary>The first ID outside.</summary>
    [JsonPropertyName("hostID")]
    public uint HostID { get; init; }

    /// <summary>How many.</summary>
    public uint Size { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
