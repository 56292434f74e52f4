using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>A container as an OCI runtime is told it: the <c>config.json</c> of a bundle.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config.md.</remarks>
public sealed partial record Spec
{
    /// <summary>The version of the specification that this follows.</summary>
    /// <value><c>1.0.2</c>.</value>
    public string OciVersion { get; init; } = "1.0.2";

    /// <summary>The root file system.</summary>
    public SpecRoot? Root { get; init; }

    /// <summary>What runs.</summary>
    public SpecProcess? Process { get; init; }

    /// <summary>The host name in the container, which needs a UTS namespace of its own; null for the host's.</summary>
    public string? Hostname { get; init; }

    /// <summary>The NIS domain name; null for the host's. From version 1.1.</summary>
    public string? Domainname { get; init; }

    /// <summary>What is mounted over the root file system, in order.</summary>
    public IReadOnlyList<SpecMount>? Mounts { get; init; }

    /// <summary>Programs of the host that the runtime runs along the way.</summary>
    public SpecHooks? Hooks { get; init; }

    /// <summary>Free text for whoever reads it; some runtimes act on some.</summary>
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    /// <summary>What only Linux has.</summary>
    public SpecLinux? Linux { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
