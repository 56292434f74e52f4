namespace Containerd;

/// <summary>What of a store survives when power is lost or the kernel crashes.</summary>
/// <remarks>
/// Killing processes never harms a store, whatever this is. The order of writing is the same for both: data first, then the metadata that names it.
/// </remarks>
public enum Durability
{
    /// <summary>
    /// What a call has returned is on stable storage: one flush for each layer or blob, none for each file. What is written into an active snapshot or an
    /// ingest is flushed when it is committed, not before.
    /// </summary>
    Full = 0,

    /// <summary>
    /// Nothing is flushed by the call. After a loss of power the store opens and is consistent in itself, but the last changes may be undone, and what was committed in the
    /// last seconds may lack data although it is listed. For stores that are thrown away with the machine.
    /// </summary>
    Relaxed = 1,
}
