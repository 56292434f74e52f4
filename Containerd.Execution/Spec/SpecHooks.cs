using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>Programs of the host that the runtime runs along a container's life.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config.md §POSIX-platform Hooks.</remarks>
public sealed record SpecHooks
{
    /// <summary>Deprecated by the specification in favour of the next three.</summary>
    public IReadOnlyList<SpecHook>? Prestart { get; init; }

    /// <summary>During create, in the runtime's namespaces, the container's being there.</summary>
    public IReadOnlyList<SpecHook>? CreateRuntime { get; init; }

    /// <summary>During create, in the container's namespaces, before the root is changed.</summary>
    public IReadOnlyList<SpecHook>? CreateContainer { get; init; }

    /// <summary>During start, in the container, before its process.</summary>
    public IReadOnlyList<SpecHook>? StartContainer { get; init; }

    /// <summary>After its process has been started.</summary>
    public IReadOnlyList<SpecHook>? Poststart { get; init; }

    /// <summary>After the container has been deleted.</summary>
    public IReadOnlyList<SpecHook>? Poststop { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
