using Microsoft.Extensions.Logging;

namespace Containerd.Execution;

/// <summary>Removes everything that was made for a container whose process has ended, or is to end now.</summary>
internal static class ContainerRemoval
{
    public static async Task RemoveAsync(ContainerHost host, StateDirectory directory, ContainerState state, RuntimeRecord record, ILogger logger)
    {
        // The runtime may know another container by this ID, one that is not ours to kill.
        if (record == RuntimeRecord.Unknown
            && await host.Runtime.FindAsync(state.Id, CancellationToken.None).ConfigureAwait(false) is { } known
            && Path.GetFullPath(known.Bundle) != directory.Path)
            record = RuntimeRecord.None;
        if (record != RuntimeRecord.None)
            await host.Runtime.DeleteAsync(state.Id, force: true, CancellationToken.None).ConfigureAwait(false);

        int killed = state.Launched ? await CgroupRemoval.RemoveAsync(state.CgroupsPath, host.TimeProvider).ConfigureAwait(false) : 0;
        if (killed > 0)
            Log.KilledLeftovers(logger, state.Id, killed);
        if (state.HostMount)
            host.Mounter.Unmount(directory.RootfsPath, UnmountOptions.Recursive);
        directory.Remove();
    }
}
