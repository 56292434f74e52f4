using System.Text.Json;

namespace Containerd;

/// <summary>What an <see cref="INetworkAttacher"/> made for one container: enough to describe it to a user and to remove it later.</summary>
public sealed record NetworkAttachment
{
    /// <summary>The <see cref="INetworkAttacher.Name"/> of the attacher that made it.</summary>
    public required string Attacher { get; init; }

    /// <summary>The container it was made for.</summary>
    public required string ContainerId { get; init; }

    /// <summary>Path of the container's network namespace.</summary>
    public required string NetworkNamespacePath { get; init; }

    /// <summary>The interfaces that the container sees, in the order they were made.</summary>
    public required IReadOnlyList<NetworkInterface> Interfaces { get; init; }

    /// <summary>What the attacher needs to detach, opaque to everybody else; null where the other members suffice.</summary>
    public JsonElement? State { get; init; }
}
