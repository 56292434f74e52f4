namespace Containerd;

/// <summary>How a verb that leaves a process behind, or runs one, launches it.</summary>
public sealed record RuntimeLaunchOptions
{
    /// <summary>The process's standard streams. Not used where <see cref="ConsoleSocketPath"/> is set.</summary>
    /// <value><c>/dev/null</c> for all three.</value>
    public RuntimeStdio Stdio { get; init; } = new();

    /// <summary>
    /// For a process with a terminal: the path of a listening UNIX stream socket to which the runtime sends the terminal's master. At most 107 bytes. Null for none.
    /// </summary>
    public string? ConsoleSocketPath { get; init; }

    /// <summary>
    /// Called on a thread of its own, right before the runtime's process is made from that thread. What it does to the thread (entering a mount namespace and mounting the
    /// rootfs there) the runtime's process inherits, and nothing else does: the thread ends with the verb. It must not start threads, tasks or
    /// processes. What it throws, the verb throws.
    /// </summary>
    /// <value>Null: nothing.</value>
    public Action? OnLaunchThread { get; init; }
}
