using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Execution;

/// <summary>The init process of a container that a runtime made and left: watched and signalled through a pidfd, so that its number never matters.</summary>
internal sealed class InitProcess : IAsyncDisposable
{
    // Process 1 reaps at once where it is an init system. Where it does not for this long, it never will.
    private static readonly TimeSpan ReapPatience = TimeSpan.FromSeconds(10);
    private static readonly Version ExitInfoKernel = new(6, 15);

    private readonly SafeFileHandle _handle;
    private readonly TimeProvider _timeProvider;
    private readonly CancellationTokenSource _giveUp = new();
    private readonly CancellationTokenSource _letGo = new();

    private InitProcess(string container, int id, SafeFileHandle handle, TimeProvider timeProvider, ILogger logger)
    {
        _handle = handle;
        _timeProvider = timeProvider;
        Id = id;
        Ended = Reactor.Shared.WaitForExitAsync(handle, _letGo.Token);
        Exit = WatchAsync(container, logger);
    }

    public int Id { get; }

    /// <summary>Completes when the process has ended.</summary>
    public Task Ended { get; }

    /// <summary>Completes when it is known how, or that it will not be known.</summary>
    public Task<ExitStatus> Exit { get; }

    /// <summary>Takes hold of a process.</summary>
    /// <returns>Null where it is gone.</returns>
    public static InitProcess? Open(string container, int id, TimeProvider timeProvider, ILogger logger) =>
        Interop.OpenProcess(id) is { } _handle ? new InitProcess(container, id, _handle, timeProvider, logger) : null;

    /// <returns>False where it has ended.</returns>
    public bool Signal(Signal signal) => Interop.SendSignal(_handle, signal.Number);

    /// <summary>Ends the wait for a status that only the process's reaper can give.</summary>
    public Task GiveUpAsync() => _giveUp.CancelAsync();

    /// <summary>Stops watching; the process goes on where it runs.</summary>
    public async ValueTask DisposeAsync()
    {
        await _giveUp.CancelAsync().ConfigureAwait(false);
        await _letGo.CancelAsync().ConfigureAwait(false);
        await ((Task)Exit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _handle.Dispose();
        _giveUp.Dispose();
        _letGo.Dispose();
    }

    private async Task<ExitStatus> WatchAsync(string container, ILogger logger)
    {
        await Ended.ConfigureAwait(false);
        DateTimeOffset at = _timeProvider.GetUtcNow();
        WaitStatus? status = Interop.TryReap(_handle, out WaitStatus? reaped) ? reaped : await ReadStatusAsync().ConfigureAwait(false);
        if (status is null)
            Log.ExitCodeUnknown(logger, container);
        return ExitStatus.From(status, at);
    }

    /// <summary>How the process ended, from the kernel, which tells once the parent has reaped it.</summary>
    private async Task<WaitStatus?> ReadStatusAsync()
    {
        if (Environment.OSVersion.Version < ExitInfoKernel)
            return null;
        using var patience = new CancellationTokenSource(ReapPatience, _timeProvider);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, _giveUp.Token);
        try
        {
            await Reactor.Shared.WaitForReapAsync(_handle, stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        return Interop.ExitStatusOf(_handle);
    }
}
