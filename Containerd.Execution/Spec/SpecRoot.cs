using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>The root file system of a container.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config.md §Root.</remarks>
public sealed record SpecRoot
{
    /// <summary>The directory, absolute or relative to the bundle.</summary>
    /// <value><c>rootfs</c>.</value>
    public string Path { get; init; } = "rootfs";

    /// <summary>Whether the container sees it read-only; null for false.</summary>
    public bool? Readonly { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
