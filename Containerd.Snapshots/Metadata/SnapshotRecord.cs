namespace Containerd.Snapshots;

/// <summary>A row of the snapshot table.</summary>
/// <param name="Info">What users see of it.</param>
/// <param name="Tree">The directory it owns or shares; null for a view, which looks at its parent's.</param>
/// <param name="DiffId">The layer for which the tree is shared with other snapshots; null where it is this one's alone.</param>
/// <param name="Measure">What was measured of its tree when it was committed; its fingerprint is zero where an older version committed it, which took none.</param>
/// <param name="Mappings">Whose IDs its mounts show.</param>
/// <param name="HasChildren">Whether others are based on it.</param>
/// <param name="IsBorrowed">Whether it stands for one of an additional store that others here are based on.</param>
/// <param name="Identity">A random number, which tells it from any other that has had the name; what is borrowed has that of what it stands for.</param>
internal sealed record SnapshotRecord(
    SnapshotInfo Info, TreeRecord? Tree, string? DiffId, TreeMeasure Measure, IdMappings Mappings, bool HasChildren, bool IsBorrowed, long Identity)
{
    public SnapshotKind Kind => Info.Kind;
}
