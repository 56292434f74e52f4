namespace Containerd.Execution;

/// <summary>What is known of a container, whichever process made it. A picture of one moment.</summary>
public sealed record ContainerInfo
{
    /// <summary>What it is known by, in its state root and to the runtime.</summary>
    public required string Id { get; init; }

    /// <summary>Where it is in its life.</summary>
    public required ContainerStatus Status { get; init; }

    /// <summary>The process ID of its init process, as this process sees it; null where there is none.</summary>
    public int? ProcessId { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Its bundle directory.</summary>
    public required string Bundle { get; init; }
}
