namespace Containerd.Snapshots;

/// <summary>Whether one kind of snapshotter works in a directory.</summary>
/// <param name="Name">The snapshotter's name.</param>
/// <param name="Reason">Why it does not; null where it does.</param>
public sealed record SnapshotterSupport(string Name, string? Reason)
{
    /// <summary>Whether it works.</summary>
    public bool IsSupported => Reason is null;
}
