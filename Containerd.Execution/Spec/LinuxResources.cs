using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>Resource limits of a container. What is null stays as it is.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config-linux.md §Control groups.</remarks>
public sealed record LinuxResources
{
    /// <summary>Which devices can be used, the last rule that fits deciding.</summary>
    public IReadOnlyList<LinuxDeviceRule>? Devices { get; init; }

    /// <summary>Limits of memory and swap; null for none.</summary>
    public LinuxMemory? Memory { get; init; }

    /// <summary>Processor time.</summary>
    public LinuxCpu? Cpu { get; init; }

    /// <summary>Number of tasks.</summary>
    public LinuxPids? Pids { get; init; }

    /// <summary>Files of cgroup v2 by name, and what to write into them.</summary>
    public IReadOnlyDictionary<string, string>? Unified { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
