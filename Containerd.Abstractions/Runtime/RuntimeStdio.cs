using Microsoft.Win32.SafeHandles;

namespace Containerd;

/// <summary>The files that a container's process gets as its standard streams.</summary>
/// <remarks>
/// A runtime passes them on as they are and takes no ownership: the caller disposes them, which it can do as soon as the verb has returned. Null is
/// <c>/dev/null</c>. The container must not be given the open file of a .NET stream (its O_NONBLOCK would be the container's too); the other end of a pipe is another file.
/// </remarks>
public sealed record RuntimeStdio
{
    /// <summary>What the process reads from.</summary>
    public SafeFileHandle? Input { get; init; }

    /// <summary>What it writes its output to.</summary>
    public SafeFileHandle? Output { get; init; }

    /// <summary>What it writes its errors to.</summary>
    public SafeFileHandle? Error { get; init; }
}
