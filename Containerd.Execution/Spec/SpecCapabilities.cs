using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>The capability sets of a process, with names as <c>CAP_CHOWN</c>.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config.md §Linux Process.</remarks>
public sealed record SpecCapabilities
{
    /// <summary>What exec can ever give.</summary>
    public IReadOnlyList<string>? Bounding { get; init; }

    /// <summary>What counts now.</summary>
    public IReadOnlyList<string>? Effective { get; init; }

    /// <summary>What survives exec of a file that asks for it. Empty by default, for good reason (CVE-2022-24769).</summary>
    public IReadOnlyList<string>? Inheritable { get; init; }

    /// <summary>What can become effective.</summary>
    public IReadOnlyList<string>? Permitted { get; init; }

    /// <summary>What survives exec of any file.</summary>
    public IReadOnlyList<string>? Ambient { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
