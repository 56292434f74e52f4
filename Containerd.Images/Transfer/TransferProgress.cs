namespace Containerd.Images;

/// <summary>How far one piece of content has come.</summary>
/// <remarks>
/// In a pull, every layer and configuration is reported as <see cref="TransferPhase.Queued"/> before the first byte of any of them is transferred, so that totals are known.
/// An import goes through its archive piece by piece and queues nothing. Reports
/// of different content interleave, and come from any thread; those of one piece of content are in order. Failures are not reported here: the call throws.
/// </remarks>
/// <param name="Phase">What is happening.</param>
/// <param name="Content">To what; null while it is not known, in <see cref="TransferPhase.Resolving"/>.</param>
/// <param name="Bytes">Bytes done in this phase so far, those of earlier attempts included: of the content as it is stored, compressed.</param>
public readonly record struct TransferProgress(TransferPhase Phase, Descriptor? Content, long Bytes)
{
    /// <summary>The size of the content in bytes; null while it is not known.</summary>
    public long? Total => Content?.Size;
}
