using Microsoft.Win32.SafeHandles;

namespace Containerd.Execution;

/// <summary>A process that this one started, and reaps itself.</summary>
internal sealed class ChildProcess : IDisposable
{
    // One wait for everybody: a child can be reaped once.
    private readonly Lazy<Task<WaitStatus?>> _exit;
    private readonly SafeFileHandle? _handle;

    private ChildProcess(SafeFileHandle? handle)
    {
        _handle = handle;
        _exit = new Lazy<Task<WaitStatus?>>(ReapAsync);
    }

    /// <summary>Starts a program from the calling thread.</summary>
    public static ChildProcess Start(RuntimeCommand command, RuntimeStdio stdio)
    {
        int pid = Interop.Spawn(command.Program, command.Arguments, command.Environment, stdio);
        try
        {
            // Null only where this process is process 1 and .NET's reaper was faster.
            return new ChildProcess(Interop.OpenProcess(pid));
        }
        catch
        {
            // Without a handle nobody could end it or hear of its end. It has not been reaped, so the number is still its own.
            Interop.KillAndReapChild(pid);
            throw;
        }
    }

    /// <summary>Waits for its end, and reaps it.</summary>
    /// <returns>How it ended; null where that cannot be known: .NET, being process 1, took the status, on a kernel before 6.15.</returns>
    public Task<WaitStatus?> WaitAsync(CancellationToken cancellationToken = default) => _exit.Value.WaitAsync(cancellationToken);

    /// <summary>Ends it at once. No error where it has ended.</summary>
    public void Kill()
    {
        if (_handle is not null)
            _ = Interop.SendSignal(_handle, Signal.Kill.Number);
    }

    public void Dispose() => _handle?.Dispose();

    private async Task<WaitStatus?> ReapAsync()
    {
        if (_handle is null)
            return null;
        await Reactor.Shared.WaitForExitAsync(_handle).ConfigureAwait(false);
        // Not ours any more: process 1 under .NET reaps everything itself, and the kernel keeps the status for us.
        return Interop.TryReap(_handle, out WaitStatus? status) ? status : Interop.ExitStatusOf(_handle);
    }
}
