namespace Containerd.Snapshots;

/// <summary>What a snapshotter's store has survived when a call returns.</summary>
/// <remarks>Killing processes never harms a store, whatever this is; it is about power loss and crashes of the kernel.</remarks>
public enum Durability
{
    /// <summary>
    /// Every change of the metadata is on stable storage when its call returns, and before a snapshot is committed the file system its tree lies on is
    /// flushed (one syncfs(2) for the layer, none per file). What is written into an active snapshot is flushed when it is committed, not before.
    /// </summary>
    Full = 0,

    /// <summary>
    /// Nothing is flushed by the call. After power loss the store opens and is consistent in itself, but the last changes may be undone, and trees committed
    /// in the last seconds may lack data although they are listed. For stores that are thrown away with the machine.
    /// </summary>
    Relaxed = 1,
}
