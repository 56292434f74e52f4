namespace Containerd;

/// <summary>A range of user or group IDs inside a container, and what it is outside.</summary>
/// <param name="ContainerId">The first ID inside.</param>
/// <param name="HostId">The first ID outside.</param>
/// <param name="Length">How many IDs follow one another. At least 1.</param>
public readonly record struct IdMapping(uint ContainerId, uint HostId, uint Length)
{
    /// <summary>The mapping in the form of mount options and labels: <c>CONTAINER:HOST:LENGTH</c>.</summary>
    public override string ToString() => string.Create(null, $"{ContainerId}:{HostId}:{Length}");
}
