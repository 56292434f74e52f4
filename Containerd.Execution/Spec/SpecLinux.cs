using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>What only Linux has.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config-linux.md.</remarks>
public sealed record SpecLinux
{
    /// <summary>The user IDs of a user namespace.</summary>
    public IReadOnlyList<LinuxIdMapping>? UidMappings { get; init; }

    /// <summary>The group IDs of a user namespace.</summary>
    public IReadOnlyList<LinuxIdMapping>? GidMappings { get; init; }

    /// <summary>Kernel parameters, of those that belong to the container's namespaces.</summary>
    public IReadOnlyDictionary<string, string>? Sysctl { get; init; }

    /// <summary>Resource limits.</summary>
    public LinuxResources? Resources { get; init; }

    /// <summary>The cgroup: an absolute path below the hierarchies' roots, or <c>slice:prefix:name</c> where systemd manages them.</summary>
    public string? CgroupsPath { get; init; }

    /// <summary>The namespaces it gets; of a kind that is not listed it shares the runtime's.</summary>
    public IReadOnlyList<LinuxNamespace>? Namespaces { get; init; }

    /// <summary>Devices to make in /dev.</summary>
    public IReadOnlyList<LinuxDevice>? Devices { get; init; }

    /// <summary>The seccomp filter as it is; null for none.</summary>
    public JsonElement? Seccomp { get; init; }

    /// <summary><c>private</c>, <c>slave</c>, <c>shared</c> or <c>unbindable</c>; null for the runtime's default.</summary>
    public string? RootfsPropagation { get; init; }

    /// <summary>Paths that cannot be read.</summary>
    public IReadOnlyList<string>? MaskedPaths { get; init; }

    /// <summary>Paths that cannot be written.</summary>
    public IReadOnlyList<string>? ReadonlyPaths { get; init; }

    /// <summary>The SELinux label of the mounts.</summary>
    public string? MountLabel { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
