using System.Collections.Frozen;

namespace Containerd;

/// <summary>What an OCI runtime knows of a container. Source: runtime-spec v1.2 runtime.md §State.</summary>
public sealed record RuntimeState
{
    /// <summary>The container's ID.</summary>
    public required string Id { get; init; }

    /// <summary>Where it is in its life.</summary>
    public required RuntimeStatus Status { get; init; }

    /// <summary>The process ID of its init process, as this process sees it; 0 where there is none any more.</summary>
    public required int ProcessId { get; init; }

    /// <summary>Its bundle directory.</summary>
    public required string Bundle { get; init; }

    /// <summary>What its config.json annotates it with.</summary>
    /// <value>Empty.</value>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = FrozenDictionary<string, string>.Empty;
}
