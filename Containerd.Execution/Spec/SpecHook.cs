using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>One program to run.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config.md §POSIX-platform Hooks.</remarks>
public sealed record SpecHook
{
    /// <summary>Absolute path.</summary>
    public required string Path { get; init; }

    /// <summary>Its arguments, its name first; null for its path alone.</summary>
    public IReadOnlyList<string>? Args { get; init; }

    /// <summary>Its environment as NAME=VALUE.</summary>
    public IReadOnlyList<string>? Env { get; init; }

    /// <summary>Seconds until it is killed; null for no limit.</summary>
    public int? Timeout { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
