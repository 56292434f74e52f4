using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>A mount in a container, made by the runtime over its root file system.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config.md §Mounts.</remarks>
public sealed record SpecMount
{
    /// <summary>Where, an absolute path in the container.</summary>
    public required string Destination { get; init; }

    /// <summary>The file system type; null where the options say <c>bind</c>.</summary>
    public string? Type { get; init; }

    /// <summary>What: a path of the host for a bind.</summary>
    public string? Source { get; init; }

    /// <summary>Options in the syntax of mount(8), and those of the runtime.</summary>
    public IReadOnlyList<string>? Options { get; init; }

    /// <summary>The user IDs of an ID-mapped mount. From version 1.1.</summary>
    public IReadOnlyList<LinuxIdMapping>? UidMappings { get; init; }

    /// <summary>The group IDs of an ID-mapped mount. From version 1.1.</summary>
    public IReadOnlyList<LinuxIdMapping>? GidMappings { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
