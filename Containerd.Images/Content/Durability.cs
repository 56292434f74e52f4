namespace Containerd.Images;

/// <summary>What a store does for the case that power is lost.</summary>
public enum Durability
{
    /// <summary>What a call has returned is on stable storage: content before the metadata that names it. The default.</summary>
    Full,

    /// <summary>
    /// Nothing is flushed explicitly. A killed process loses nothing; after a loss of power the newest content and names may be missing. Content that lost
    /// bytes counts as absent where its size shows it; for machines whose stores are thrown away.
    /// </summary>
    Relaxed,
}
