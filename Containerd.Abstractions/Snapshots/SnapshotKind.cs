namespace Containerd;

/// <summary>What a snapshot is. Only committing changes it, and only from <see cref="Active"/> to <see cref="Committed"/>.</summary>
public enum SnapshotKind
{
    /// <summary>A read-only look at a parent. It can be mounted and removed, never committed.</summary>
    View = 1,

    /// <summary>A writable tree on top of a parent. It can be mounted, committed and removed.</summary>
    Active = 2,

    /// <summary>Sealed: it can be a parent and be removed, but neither mounted nor changed.</summary>
    Committed = 3,
}
