namespace Containerd.Network;

/// <summary>Everything the kernel sent for one request.</summary>
/// <param name="Acknowledgement">The kernel's verdict, which ended the reply.</param>
/// <param name="Messages">The messages before it, one after the other.</param>
/// <param name="IsInterrupted">Whether the objects changed while the kernel listed them, so that some may be missing or
/// twice there.</param>
internal sealed record NetlinkReply(NetlinkAcknowledgement Acknowledgement, ReadOnlyMemory<byte> Messages, bool IsInterrupted);
