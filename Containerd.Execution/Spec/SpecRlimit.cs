using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>A resource limit of setrlimit(2).</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config.md §POSIX process.</remarks>
public sealed record SpecRlimit
{
    /// <summary>The resource: <c>RLIMIT_NOFILE</c> …</summary>
    public required string Type { get; init; }

    /// <summary>The ceiling of the soft limit.</summary>
    public ulong Hard { get; init; }

    /// <summary>The limit that holds.</summary>
    public ulong Soft { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
