namespace Containerd.Snapshots;

/// <summary>A row of the snapshot table.</summary>
/// <param name="Id">The row.</param>
/// <param name="Info">What users see of it.</param>
/// <param name="ParentId">The row of the parent; null without one.</param>
/// <param name="TreeId">The directory it owns or shares; null for a view, which looks at its parent's.</param>
/// <param name="Usage">What its tree takes, measured when it was committed.</param>
internal sealed record SnapshotRecord(long Id, SnapshotInfo Info, long? ParentId, long? TreeId, SnapshotUsage Usage)
{
    public SnapshotKind Kind => Info.Kind;
}
