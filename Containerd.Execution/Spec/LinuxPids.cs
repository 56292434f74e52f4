using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>A limit on tasks.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config-linux.md §PIDs.</remarks>
public sealed record LinuxPids
{
    /// <summary>The most processes and threads; -1 for no limit.</summary>
    public long Limit { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
