using System.Text.Json;

namespace Containerd.Execution;

// Further processes.
public sealed partial class Container
{
    private int _lastProcess;

    /// <summary>Runs a further process in it.</summary>
    /// <remarks>
    /// The runtime stays in the foreground beside the process: the exit code is exact and immediate on any kernel. What goes wrong with the start, such as a program that is not there, is
    /// thrown by <see cref="ContainerProcess.WaitAsync"/>. The process ends with the container.
    /// </remarks>
    /// <param name="process">What to run.</param>
    /// <param name="cancellationToken">Stops the call, not the process.</param>
    /// <returns>The process; the caller disposes it, which kills it where it runs.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.FailedPrecondition"/>: the container does not run. -or-
    /// <see cref="ErrorKind.NotFound"/>: there is no such user in it. -or- <see cref="ErrorKind.InvalidArgument"/>: nobody can be such a user, or there is nothing to run.</exception>
    public async Task<ContainerProcess> ExecAsync(ExecOptions process, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(process);
        if (process.Args.Count == 0)
            throw new ContainerdException(ErrorKind.InvalidArgument, $"There is no program to run in container '{Id}'.") { Subject = Id };
        if (Status != ContainerStatus.Running)
            throw WrongState("run a further process in");

        SpecProcess own = Spec.Spec.Process!;
        SpecProcess next = own with
        {
            Args = [.. process.Args],
            Env = EnvironmentList.Merge(own.Env ?? [], process.Env),
            Cwd = process.Cwd ?? own.Cwd,
            User = process.User is null ? own.User : await ResolveAsync(process.User, own.User, cancellationToken).ConfigureAwait(false),
        };
        string name = $"exec-{Interlocked.Increment(ref _lastProcess)}.json";
        _directory.WriteFile(name, JsonSerializer.SerializeToUtf8Bytes(next, SpecJson.Default.SpecProcess));
        var started = new ContainerProcess(_host, Id, Path.Join(Bundle, name), ProcessStreams.Open(process.Stdio, next.User), _processes);
        if (_disposed != 0)
            await started.DisposeAsync().ConfigureAwait(false);
        return started;
    }

    // As the container sees its files now, mounts and all.
    private async Task<SpecUser> ResolveAsync(string user, SpecUser own, CancellationToken cancellationToken)
    {
        int? pid = ProcessId ?? (await _host.Runtime.FindAsync(Id, cancellationToken).ConfigureAwait(false))?.ProcessId;
        return pid is > 0 ? UserResolver.Resolve(user, $"/proc/{pid}/root", own) : throw WrongState("run a further process in");
    }
}
