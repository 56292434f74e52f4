using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd.Execution;

/// <summary>A process in a container: its init process, or one started by exec.</summary>
/// <remarks>Immutable; unknown members survive a round trip. Source: runtime-spec v1.2 config.md §Process.</remarks>
public sealed record SpecProcess
{
    /// <summary>Whether it gets a terminal; null for false.</summary>
    public bool? Terminal { get; init; }

    /// <summary>The size of that terminal.</summary>
    public SpecBox? ConsoleSize { get; init; }

    /// <summary>Who it runs as.</summary>
    /// <value>User and group 0.</value>
    public SpecUser User { get; init; } = new();

    /// <summary>The program and its arguments.</summary>
    public IReadOnlyList<string>? Args { get; init; }

    /// <summary>Its environment as NAME=VALUE.</summary>
    public IReadOnlyList<string>? Env { get; init; }

    /// <summary>Its working directory, an absolute path in the container.</summary>
    /// <value><c>/</c>.</value>
    public string Cwd { get; init; } = "/";

    /// <summary>Its capabilities; null for none at all.</summary>
    public SpecCapabilities? Capabilities { get; init; }

    /// <summary>Its resource limits of setrlimit(2).</summary>
    public IReadOnlyList<SpecRlimit>? Rlimits { get; init; }

    /// <summary>Whether exec can give it nothing that it does not have (PR_SET_NO_NEW_PRIVS); null for false.</summary>
    public bool? NoNewPrivileges { get; init; }

    /// <summary>The AppArmor profile, which must be loaded.</summary>
    public string? ApparmorProfile { get; init; }

    /// <summary>From -1000 to 1000: how willing the kernel is to kill it for memory.</summary>
    public int? OomScoreAdj { get; init; }

    /// <summary>Its SELinux label.</summary>
    public string? SelinuxLabel { get; init; }

    /// <summary>JSON members that this version does not know; null for none.</summary>
    [JsonIgnore]
    public IDictionary<string, JsonElement>? ExtensionData { get => Unknown; init => Unknown = value; }

    // A source-generated serializer cannot fill an extension property that is init-only.
    [JsonInclude, JsonExtensionData]
    internal IDictionary<string, JsonElement>? Unknown { get; set; }
}
