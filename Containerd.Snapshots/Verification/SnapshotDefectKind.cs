namespace Containerd.Snapshots;

/// <summary>What <see cref="LocalSnapshotter.VerifyAsync"/> can find.</summary>
public enum SnapshotDefectKind
{
    /// <summary>The directory of a snapshot's tree is not there.</summary>
    MissingTree,

    /// <summary>The tree of a committed snapshot is not what was committed: cut off by power loss (files of zero length), or written to by somebody.</summary>
    ChangedTree,

    /// <summary>An active snapshot was mounted without ever flushing (<c>volatile</c>), and the machine has been restarted since.</summary>
    UnflushedTree,

    /// <summary>Something lies among the trees that no snapshotter has made. It is nobody's, and never deleted unasked.</summary>
    ForeignEntry,

    /// <summary>The database is damaged, though it can be opened: SQLite says so, or its rows contradict each other. Only <see cref="StoreRecovery"/> mends it.</summary>
    DamagedMetadata,
}
