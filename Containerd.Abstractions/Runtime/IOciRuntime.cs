namespace Containerd;

/// <summary>The verbs of an OCI runtime over bundle directories. The OCI Runtime Specification is the interface: what a container is, its <c>config.json</c> says.</summary>
/// <remarks>
/// <para>A runtime keeps the state of its containers itself; this interface has none, so that any process that uses the same state directory sees the same containers.</para>
/// <para><b>Identifiers</b> are 1 to 76 letters and digits with single <c>.</c>, <c>_</c> or <c>-</c> between them; any other is refused as <see cref="ErrorKind.InvalidArgument"/>.</para>
/// <para><b>Cancellation</b> ends the runtime's process where one is running. A cancelled <see cref="CreateAsync"/>, <see cref="RunAsync"/> may have left half a
/// container: the implementation deletes it before the task completes.</para>
/// <para><b>Exit status.</b> A detached process is nobody's child that could be waited for here: the caller opens a pidfd on the process ID that <see cref="CreateAsync"/>
/// and <see cref="ExecAsync"/> give. <see cref="RunAsync"/> and <see cref="RunExecAsync"/> wait themselves, on any kernel.</para>
/// <para>Every failure is an <see cref="OciRuntimeException"/> with what the runtime said. Thread-safe. Needs root, or what the runtime needs to run rootless.</para>
/// <para>Source: runtime-spec v1.2 runtime.md; the command line of runc, which the others follow.</para>
/// </remarks>
public interface IOciRuntime
{
    /// <summary>A short stable name: <c>runc</c>, <c>crun</c>, <c>runsc</c> …</summary>
    string Name { get; }

    /// <summary>Asks the runtime what it is. The answer is kept for the life of the object.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="OciRuntimeException"><see cref="ErrorKind.NotFound"/>: the program is not installed; the message names it and where it was looked for. -or-
    /// <see cref="ErrorKind.NotSupported"/>: it is no OCI runtime, or one too old.</exception>
    Task<RuntimeInfo> GetInfoAsync(CancellationToken cancellationToken = default);

    /// <summary>Makes a container, whose process then waits for <see cref="StartAsync"/>.</summary>
    /// <param name="id">Its ID.</param>
    /// <param name="bundle">The directory that holds <c>config.json</c>.</param>
    /// <param name="options">How to launch it; null for no streams.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>The process ID of its init process, as this process sees it.</returns>
    /// <exception cref="OciRuntimeException"><see cref="ErrorKind.AlreadyExists"/>: the ID is taken. -or-
    /// <see cref="ErrorKind.NotFound"/>: the bundle, the runtime, or something that config.json names is missing; with many runtimes also the program to run. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the runtime refuses config.json. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>: the runtime or the kernel refuses the caller. -or-
    /// <see cref="ErrorKind.Unknown"/>: the runtime said something else.
    /// After any of them there is no container.</exception>
    Task<int> CreateAsync(string id, string bundle, RuntimeLaunchOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Starts the process of a container that was made.</summary>
    /// <param name="id">The container.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="OciRuntimeException"><see cref="ErrorKind.NotFound"/>: no such container, or no such program in it. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: it has been started already.</exception>
    Task StartAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>Makes a container, runs it in the foreground of the runtime until its process ends, and deletes it.</summary>
    /// <param name="id">Its ID.</param>
    /// <param name="bundle">The directory that holds <c>config.json</c>.</param>
    /// <param name="options">How to launch it; null for no streams.</param>
    /// <param name="cancellationToken">Kills the container.</param>
    /// <returns>The exit code; 128 and the signal's number where a signal ended it.</returns>
    /// <exception cref="OciRuntimeException">As <see cref="CreateAsync"/> and <see cref="StartAsync"/>.</exception>
    Task<int> RunAsync(string id, string bundle, RuntimeLaunchOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Starts a further process in a container.</summary>
    /// <param name="id">The container.</param>
    /// <param name="processFile">A file that holds the <c>process</c> object of the specification.</param>
    /// <param name="options">How to launch it; null for no streams.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>The process ID, as this process sees it.</returns>
    /// <exception cref="OciRuntimeException"><see cref="ErrorKind.NotFound"/>: no such container, or no such program in it. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: the container does not run.</exception>
    Task<int> ExecAsync(string id, string processFile, RuntimeLaunchOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Runs a further process in a container until it ends.</summary>
    /// <param name="id">The container.</param>
    /// <param name="processFile">A file that holds the <c>process</c> object of the specification.</param>
    /// <param name="options">How to launch it; null for no streams.</param>
    /// <param name="cancellationToken">Kills the process.</param>
    /// <returns>The exit code; 128 and the signal's number where a signal ended it.</returns>
    /// <exception cref="OciRuntimeException">As <see cref="ExecAsync"/>.</exception>
    Task<int> RunExecAsync(string id, string processFile, RuntimeLaunchOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Looks a container up.</summary>
    /// <param name="id">The container.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>Its state, or null where the runtime knows no such container.</returns>
    Task<RuntimeState?> FindAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>Lists the runtime's containers.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    Task<IReadOnlyList<RuntimeState>> ListAsync(CancellationToken cancellationToken = default);

    /// <summary>Sends a signal to a container's init process, or to all its processes.</summary>
    /// <param name="id">The container.</param>
    /// <param name="signal">The signal.</param>
    /// <param name="all">Whether all processes get it. Only needed where the container has no process namespace of its own.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="OciRuntimeException"><see cref="ErrorKind.NotFound"/>: no such container, or its process has ended.</exception>
    Task KillAsync(string id, Signal signal, bool all = false, CancellationToken cancellationToken = default);

    /// <summary>Deletes a container whose process has ended.</summary>
    /// <param name="id">The container.</param>
    /// <param name="force">Whether to kill it first where it has not; then an unknown container is no error either.</param>
    /// <param name="cancellationToken">Stops the call, which can be repeated.</param>
    /// <exception cref="OciRuntimeException"><see cref="ErrorKind.NotFound"/>: no such container. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: it still runs.</exception>
    Task DeleteAsync(string id, bool force = false, CancellationToken cancellationToken = default);

    /// <summary>Freezes all processes of a container.</summary>
    /// <param name="id">The container.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="OciRuntimeException"><see cref="ErrorKind.NotFound"/>: no such container. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: it does not run. -or-
    /// <see cref="ErrorKind.NotSupported"/>: there is no freezer.</exception>
    Task PauseAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>Thaws a frozen container.</summary>
    /// <param name="id">The container.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="OciRuntimeException"><see cref="ErrorKind.NotFound"/>: no such container. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: it is not frozen.</exception>
    Task ResumeAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>Changes a container's resource limits while it lives.</summary>
    /// <param name="id">The container.</param>
    /// <param name="resources">The <c>linux.resources</c> object of the specification as UTF-8 JSON; members that are absent stay as they are.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="OciRuntimeException"><see cref="ErrorKind.NotFound"/>: no such container. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: a limit that the kernel or the runtime refuses.</exception>
    Task UpdateAsync(string id, ReadOnlyMemory<byte> resources, CancellationToken cancellationToken = default);

    /// <summary>Lists the processes in a container.</summary>
    /// <param name="id">The container.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>Their process IDs, as this process sees them.</returns>
    /// <exception cref="OciRuntimeException"><see cref="ErrorKind.NotFound"/>: no such container.</exception>
    Task<IReadOnlyList<int>> ListProcessesAsync(string id, CancellationToken cancellationToken = default);
}
