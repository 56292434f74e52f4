namespace Containerd;

/// <summary>A mounted file tree of this process' own, in no mount table where the kernel can do that. Disposing unmounts it; files opened beneath it keep it alive until they are closed.</summary>
/// <remarks>Disposal is idempotent, never throws, and deletes nothing. Thread-safe.</remarks>
public interface IDetachedMount : IDisposable
{
    /// <summary>
    /// The root of the tree, usable by every thread of this process until disposal: <c>/proc/self/fd/N</c>. A child process can use
    /// <c>/proc/PID/fd/N</c> with this process's ID where it may.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The tree has been disposed.</exception>
    string Path { get; }
}
