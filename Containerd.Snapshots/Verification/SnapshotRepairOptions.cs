namespace Containerd.Snapshots;

/// <summary>How far <see cref="LocalSnapshotter.RepairAsync"/> goes.</summary>
public sealed record SnapshotRepairOptions
{
    /// <summary>
    /// Whether active snapshots are removed that lie over a damaged one, were not flushed before a restart, or are on a disk that is not mounted. What was written to them is lost with them.
    /// </summary>
    /// <value>False: they stay, with all that is beneath them.</value>
    public bool RemoveActive { get; init; }

    /// <summary>Whether what lies among the trees, and no snapshotter has made, is deleted.</summary>
    /// <value>False: it stays.</value>
    public bool RemoveForeign { get; init; }
}
