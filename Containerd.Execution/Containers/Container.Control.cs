using System.Text.Json;

namespace Containerd.Execution;

// What can be done to a container that runs.
public sealed partial class Container
{
    private static readonly TimeSpan ForegroundPollInterval = TimeSpan.FromMilliseconds(10);

    /// <summary>Sends a signal to its init process.</summary>
    /// <param name="signal">The signal.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: its process has ended. -or- <see cref="ErrorKind.FailedPrecondition"/>: there is none yet.</exception>
    public async Task SignalAsync(Signal signal, CancellationToken cancellationToken = default)
    {
        if (signal == default)
            throw new ArgumentException("A signal is needed.", nameof(signal));
        if (!await TrySignalAsync(signal, cancellationToken).ConfigureAwait(false))
            throw new ContainerdException(ErrorKind.NotFound, $"Cannot send {signal} to container '{Id}': its process has ended.") { Subject = Id };
    }

    /// <summary>Kills its init process, and the kernel everything in its process namespace with it. Comes back before they are gone. No error where it has ended.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.FailedPrecondition"/>: there is no process yet.</exception>
    public async Task KillAsync(CancellationToken cancellationToken = default)
    {
        bool frozen = _paused;
        if (await TrySignalAsync(Containerd.Signal.Kill, cancellationToken).ConfigureAwait(false) && frozen)
            await ThawAsync(cancellationToken).ConfigureAwait(false);
    }

    // A frozen process of cgroup v1 dies when it thaws; one of version 2, or one that somebody else has thawed, dies at once, and its runtime may have deleted it by now.
    private async Task ThawAsync(CancellationToken cancellationToken)
    {
        try
        {
            await ResumeAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OciRuntimeException e) when (e.Kind is ErrorKind.NotFound or ErrorKind.FailedPrecondition)
        {
            _paused = false;
        }
    }

    /// <summary>Asks it to end by the stop signal of its specification, and kills it where it does not.</summary>
    /// <param name="gracePeriod">How long it is given.</param>
    /// <param name="cancellationToken">Stops the call; the signals that were sent stay sent.</param>
    /// <returns>How its process ended.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.FailedPrecondition"/>: there is no process yet.</exception>
    public async Task<ExitStatus> StopAsync(TimeSpan gracePeriod, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(gracePeriod, TimeSpan.Zero);
        if (await TrySignalAsync(Spec.StopSignal, cancellationToken).ConfigureAwait(false))
        {
            try
            {
                return await _exit.Task.WaitAsync(gracePeriod, _host.TimeProvider, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                await KillAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        return await _exit.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Freezes its processes.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="OciRuntimeException">As <see cref="IOciRuntime.PauseAsync"/>.</exception>
    public async Task PauseAsync(CancellationToken cancellationToken = default)
    {
        await _host.Runtime.PauseAsync(Id, cancellationToken).ConfigureAwait(false);
        _paused = true;
    }

    /// <summary>Thaws its processes.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="OciRuntimeException">As <see cref="IOciRuntime.ResumeAsync"/>.</exception>
    public async Task ResumeAsync(CancellationToken cancellationToken = default)
    {
        await _host.Runtime.ResumeAsync(Id, cancellationToken).ConfigureAwait(false);
        _paused = false;
    }

    /// <summary>Changes its resource limits.</summary>
    /// <param name="resources">The limits; those that are null stay as they are.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="OciRuntimeException">As <see cref="IOciRuntime.UpdateAsync"/>.</exception>
    public Task UpdateAsync(LinuxResources resources, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(resources);
        return _host.Runtime.UpdateAsync(Id, JsonSerializer.SerializeToUtf8Bytes(resources, SpecJson.Default.LinuxResources), cancellationToken);
    }

    /// <returns>False where the process has ended.</returns>
    private async Task<bool> TrySignalAsync(Signal signal, CancellationToken cancellationToken)
    {
        if (_exit.Task.IsCompleted)
            return false;
        if (_init is not null)
            return _init.Signal(signal);
        if (_foreground is null)
            throw WrongState("signal");

        // The runtime does not say when the process is there: its first answer that it runs does.
        while (!_exit.Task.IsCompleted)
        {
            try
            {
                if (await _host.Runtime.FindAsync(Id, cancellationToken).ConfigureAwait(false) is { Status: RuntimeStatus.Running or RuntimeStatus.Paused })
                {
                    await _host.Runtime.KillAsync(Id, signal, cancellationToken: cancellationToken).ConfigureAwait(false);
                    return true;
                }
            }
            catch (OciRuntimeException e) when (e.Kind == ErrorKind.NotFound)
            {
                // It ended between the two questions: the foreground runtime is about to say how.
            }
            await Task.WhenAny(_exit.Task, Task.Delay(ForegroundPollInterval, _host.TimeProvider, cancellationToken)).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
        }
        return false;
    }
}
