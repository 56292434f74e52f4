namespace Containerd.Snapshots;

/// <summary>A row of the snapshot table.</summary>
/// <param name="Id">The row.</param>
/// <param name="Info">What users see of it.</param>
/// <param name="ParentId">The row of the parent; null without one.</param>
/// <param name="Tree">The directory it owns or shares; null for a view, which looks at its parent's.</param>
/// <param name="Usage">What its tree takes, measured when it was committed.</param>
/// <param name="Mappings">Whose IDs its mounts show.</param>
/// <param name="Fingerprint">That of its tree, taken then; zero for none.</param>
/// <param name="IsBorrowed">Whether it stands for one of an additional store that others here are based on.</param>
internal sealed record SnapshotRecord(long Id, SnapshotInfo Info, long? ParentId, TreeRecord? Tree, SnapshotUsage Usage, IdMappings Mappings, long Fingerprint, bool IsBorrowed)
{
    public SnapshotKind Kind => Info.Kind;
}
