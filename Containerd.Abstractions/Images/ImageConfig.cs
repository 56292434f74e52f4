using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd;

/// <summary>What an image wishes for the process that is run from it: the <c>config</c> object of its configuration.</summary>
/// <remarks>
/// Untrusted: every member is whatever the image's author wrote. Immutable; equality is by reference for lists and maps. Serialises to and from the JSON of the
/// specification, keeping unknown members. Source: image-spec v1.1 config.md.
/// </remarks>
public sealed record ImageConfig
{
    /// <summary>Who to run as: <c>user</c>, <c>uid</c>, <c>user:group</c>, <c>uid:gid</c> or a mix; null or empty for root.</summary>
    [JsonPropertyName("User"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? User { get; init; }

    /// <summary>Ports the image serves, as <c>PORT/PROTOCOL</c> keys; null for none.</summary>
    [JsonPropertyName("ExposedPorts"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, JsonElement>? ExposedPorts { get; init; }

    /// <summary>Environment as <c>NAME=VALUE</c>; null for none.</summary>
    [JsonPropertyName("Env"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Env { get; init; }

    /// <summary>The program and its first arguments; null for none.</summary>
    [JsonPropertyName("Entrypoint"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Entrypoint { get; init; }

    /// <summary>Arguments behind <see cref="Entrypoint"/> where the host gives none; without an entrypoint, the program too. Null for none.</summary>
    [JsonPropertyName("Cmd"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Cmd { get; init; }

    /// <summary>Directories meant to hold data of the host, as keys; null for none.</summary>
    [JsonPropertyName("Volumes"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, JsonElement>? Volumes { get; init; }

    /// <summary>The working directory; null or empty for <c>/</c>.</summary>
    [JsonPropertyName("WorkingDir"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? WorkingDir { get; init; }

    /// <summary>The image's own labels; null for none. Never to be used as labels of a stored object.</summary>
    [JsonPropertyName("Labels"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>The signal that asks the process to end, as <see cref="Signal.TryParse(string?, out Signal)"/> reads it; null for SIGTERM.</summary>
    [JsonPropertyName("StopSignal"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? StopSignal { get; init; }

    /// <summary>JSON members that the specification does not know; null for none. Settable for source-generated serialisers only, which cannot initialise it.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? ExtensionData { get; set; }
}
