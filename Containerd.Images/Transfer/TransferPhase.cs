namespace Containerd.Images;

/// <summary>What is happening to some content.</summary>
public enum TransferPhase
{
    /// <summary>The registry is asked what the reference stands for.</summary>
    Resolving,

    /// <summary>It will be transferred; its size is known.</summary>
    Queued,

    /// <summary>Somebody else, perhaps another process, is transferring or unpacking it; it will be used when they are done.</summary>
    Waiting,

    /// <summary>Its bytes are being transferred.</summary>
    Transferring,

    /// <summary>It was there already.</summary>
    Exists,

    /// <summary>Its bytes are there, verified.</summary>
    Done,

    /// <summary>The layer is being extracted into a snapshot.</summary>
    Extracting,

    /// <summary>The layer's snapshot is committed, or was there already.</summary>
    Extracted,
}
