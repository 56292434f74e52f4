using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>A device to make in a container.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config-linux.md §Devices.</remarks>
public sealed record LinuxDevice
{
    /// <summary>Where, an absolute path in the container.</summary>
    public required string Path { get; init; }

    /// <summary><c>c</c>, <c>b</c>, <c>u</c> or <c>p</c>.</summary>
    public required string Type { get; init; }

    /// <summary>Major number; not for <c>p</c>.</summary>
    public long? Major { get; init; }

    /// <summary>Minor number; not for <c>p</c>.</summary>
    public long? Minor { get; init; }

    /// <summary>Its mode bits.</summary>
    public uint? FileMode { get; init; }

    /// <summary>Its owner.</summary>
    public uint? Uid { get; init; }

    /// <summary>Its group.</summary>
    public uint? Gid { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
