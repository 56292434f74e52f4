using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>Limits of processor time.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config-linux.md §CPU.</remarks>
public sealed record LinuxCpu
{
    /// <summary>The weight against others, 2 to 262144.</summary>
    public ulong? Shares { get; init; }

    /// <summary>Microseconds of processor time in each period; -1 for no limit.</summary>
    public long? Quota { get; init; }

    /// <summary>The period in microseconds.</summary>
    public ulong? Period { get; init; }

    /// <summary>Microseconds of unused quota that can be saved up.</summary>
    public ulong? Burst { get; init; }

    /// <summary>The processors it can use, as <c>0-3,7</c>.</summary>
    public string? Cpus { get; init; }

    /// <summary>The memory nodes it can use, likewise.</summary>
    public string? Mems { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
