using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>Memory limits, in bytes; -1 for none.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config-linux.md §Memory.</remarks>
public sealed record LinuxMemory
{
    /// <summary>The most it can use.</summary>
    public long? Limit { get; init; }

    /// <summary>What it keeps under pressure.</summary>
    public long? Reservation { get; init; }

    /// <summary>The most of memory and swap together.</summary>
    public long? Swap { get; init; }

    /// <summary>0 to 100; cgroup v1 only.</summary>
    public ulong? Swappiness { get; init; }

    /// <summary>Whether the kernel blocks rather than kills; cgroup v1 only.</summary>
    [JsonPropertyName("disableOOMKiller")]
    public bool? DisableOOMKiller { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
