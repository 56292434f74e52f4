namespace Containerd.Snapshots;

/// <summary>The instants between which a store differs on disk: where a test kills a process, or lets another one act.</summary>
internal enum StoreStep
{
    TreeBegun,
    TreeMade,
    SnapshotRecorded,
    TreeRebased,
    TreeMoved,
    TreeFlushed,
    TreeMeasured,
    CommitRecorded,
    ReplacedTreeTrashed,
    AdoptionRecorded,
    RemovalRecorded,
    TreeTrashed,
    GarbageFound,
    GarbageTrashed,
    TrashEmptied,
    ReservationsEnded,
    DefectsFound,
    RepairRecorded,
}
