using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>Who a process runs as, in numbers of the container.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config.md §POSIX-platform User.</remarks>
public sealed record SpecUser
{
    /// <summary>The user ID.</summary>
    public uint Uid { get; init; }

    /// <summary>The group ID.</summary>
    public uint Gid { get; init; }

    /// <summary>The file mode creation mask; null for the runtime's 0022. From version 1.0.2.</summary>
    public uint? Umask { get; init; }

    /// <summary>Further group IDs.</summary>
    public IReadOnlyList<uint>? AdditionalGids { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
