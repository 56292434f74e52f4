namespace Containerd.Execution;

// The end of a container.
public sealed partial class Container
{
    /// <summary>Deletes it: its cgroup, mounts and state directory. What was written to pipes can still be read until disposal.</summary>
    /// <remarks>Not cancellable: half a deletion is nothing to go on from. Idempotent.</remarks>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.FailedPrecondition"/>: its process runs, or something that nobody mounted is in
    /// its bundle's <c>rootfs</c>. -or- <see cref="ErrorKind.Unavailable"/>: its root file system or cgroup is busy. -or- as <see cref="IOciRuntime.DeleteAsync"/>. The call can be repeated.</exception>
    public async Task DeleteAsync()
    {
        await _gate.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_started && !_exit.Task.IsCompleted)
                throw WrongState("delete");
            await DeleteCoreAsync().ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Kills and deletes the container, or lets it go: see the class.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        // Whoever is making or starting the process comes to an end first.
        await _gate.WaitAsync().ConfigureAwait(false);
        try
        {
            bool letGo = _options.KeepRunning && _init is not null && _started && !_init.Ended.IsCompleted;
            if (!letGo)
            {
                await EndAsync().ConfigureAwait(false);
                await DeleteCoreAsync().ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is ContainerdException or IOException or UnauthorizedAccessException)
        {
            Log.NotRemoved(_logger, e, Id);
        }
        finally
        {
            await ReleaseAsync().ConfigureAwait(false);
            _gate.Release();
        }
    }

    /// <summary>Kills whatever runs, and waits until it does not.</summary>
    internal async Task EndAsync()
    {
        if (_foreground is not null)
        {
            await _foregroundStop.CancelAsync().ConfigureAwait(false);
            await _foreground.ConfigureAwait(false);
        }
        else if (_init is not null && !_init.Ended.IsCompleted)
        {
            await KillAsync(CancellationToken.None).ConfigureAwait(false);
            await _init.Ended.ConfigureAwait(false);
        }
    }

    private async Task DeleteCoreAsync()
    {
        if (_deleted)
            return;
        if (_init is not null && !_started)
            await EndAsync().ConfigureAwait(false);
        await ContainerRemoval.RemoveAsync(_host, _directory, _state, _record, _logger).ConfigureAwait(false);
        _record = RuntimeRecord.None;
        _deleted = true;
        _cgroupHold.Dispose();
        _host.CgroupParent.RemoveIfUnused();
        Log.Deleted(_logger, Id);
    }

    private async Task ReleaseAsync()
    {
        if (_init is { Ended.IsCompleted: true })
        {
            // A code that has not come by now is not waited for.
            await _init.GiveUpAsync().ConfigureAwait(false);
            await ((Task)_init.Exit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await ((Task)_exit.Task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        _exit.TrySetException(new ObjectDisposedException(nameof(Container), $"Container '{Id}' was disposed before its process ended."));
        if (_init is not null)
            await _init.DisposeAsync().ConfigureAwait(false);
        await Task.WhenAll(_processes.Keys.Select(process => process.DisposeAsync().AsTask())).ConfigureAwait(false);
        _streams.Dispose();
        _cgroupHold.Dispose();
        _directory.Dispose();
        _host.Forget(this);
    }
}
