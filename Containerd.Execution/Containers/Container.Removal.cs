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
        await gate.WaitAsync().ConfigureAwait(false);
        try
        {
            if (started && !exit.Task.IsCompleted)
                throw WrongState("delete");
            await DeleteCoreAsync().ConfigureAwait(false);
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Kills and deletes the container, or lets it go: see the class.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
            return;
        // Whoever is making or starting the process comes to an end first.
        await gate.WaitAsync().ConfigureAwait(false);
        try
        {
            bool letGo = options.KeepRunning && init is not null && started && !init.Ended.IsCompleted;
            if (!letGo)
            {
                await EndAsync().ConfigureAwait(false);
                await DeleteCoreAsync().ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is ContainerdException or IOException or UnauthorizedAccessException)
        {
            Log.NotRemoved(logger, e, Id);
        }
        finally
        {
            await ReleaseAsync().ConfigureAwait(false);
            gate.Release();
        }
    }

    /// <summary>Kills whatever runs, and waits until it does not.</summary>
    internal async Task EndAsync()
    {
        if (foreground is not null)
        {
            await foregroundStop.CancelAsync().ConfigureAwait(false);
            await foreground.ConfigureAwait(false);
        }
        else if (init is not null && !init.Ended.IsCompleted)
        {
            await KillAsync(CancellationToken.None).ConfigureAwait(false);
            await init.Ended.ConfigureAwait(false);
        }
    }

    private async Task DeleteCoreAsync()
    {
        if (deleted)
            return;
        if (init is not null && !started)
            await EndAsync().ConfigureAwait(false);
        await ContainerRemoval.RemoveAsync(host, directory, state, record, logger).ConfigureAwait(false);
        record = RuntimeRecord.None;
        deleted = true;
        cgroupHold.Dispose();
        host.CgroupParent.RemoveIfUnused();
        Log.Deleted(logger, Id);
    }

    private async Task ReleaseAsync()
    {
        if (init is { Ended.IsCompleted: true })
        {
            // A code that has not come by now is not waited for.
            await init.GiveUpAsync().ConfigureAwait(false);
            await ((Task)init.Exit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await ((Task)exit.Task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        exit.TrySetException(new ObjectDisposedException(nameof(Container), $"Container '{Id}' was disposed before its process ended."));
        if (init is not null)
            await init.DisposeAsync().ConfigureAwait(false);
        await Task.WhenAll(processes.Keys.Select(process => process.DisposeAsync().AsTask())).ConfigureAwait(false);
        streams.Dispose();
        cgroupHold.Dispose();
        directory.Dispose();
        host.Forget(this);
    }
}
