using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>Which devices can be used, whatever nodes there are.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config-linux.md §Allowed Device list.</remarks>
public sealed record LinuxDeviceRule
{
    /// <summary>Whether this allows or denies.</summary>
    public bool Allow { get; init; }

    /// <summary><c>c</c>, <c>b</c>; null or <c>a</c> for both.</summary>
    public string? Type { get; init; }

    /// <summary>Major number; null for all.</summary>
    public long? Major { get; init; }

    /// <summary>Minor number; null for all.</summary>
    public long? Minor { get; init; }

    /// <summary>Of <c>r</c>, <c>w</c>, <c>m</c> (mknod).</summary>
    public string? Access { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
