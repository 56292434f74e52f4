using System.Collections.Concurrent;

namespace Containerd.Execution;

/// <summary>A further process in a container. Disposing it kills it where it runs, and closes its streams. Thread-safe.</summary>
public sealed class ContainerProcess : IAsyncDisposable
{
    private readonly ContainerHost _host;
    private readonly ProcessStreams _streams;
    private readonly string _processFile;
    private readonly ConcurrentDictionary<ContainerProcess, bool> _siblings;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task<ExitStatus> _exit;
    private int _disposed;

    internal ContainerProcess(ContainerHost host, string container, string processFile, ProcessStreams streams, ConcurrentDictionary<ContainerProcess, bool> siblings)
    {
        _host = host;
        _streams = streams;
        _processFile = processFile;
        _siblings = siblings;
        siblings[this] = true;
        _exit = RunAsync(container);
    }

    /// <summary>What it reads, where that is a pipe. Disposing it is the end of the input.</summary>
    public Stream? StandardInput => _streams.Input;

    /// <summary>What it writes, where that is a pipe.</summary>
    public Stream? StandardOutput => _streams.Output;

    /// <summary>What it writes as errors, where that is a pipe.</summary>
    public Stream? StandardError => _streams.Error;

    /// <summary>Waits until it has ended.</summary>
    /// <param name="cancellationToken">Stops the wait, nothing else.</param>
    /// <returns>How it ended. The code is null where it was killed by <see cref="KillAsync"/> or disposal.</returns>
    /// <exception cref="OciRuntimeException">As <see cref="IOciRuntime.RunExecAsync"/>.</exception>
    public Task<ExitStatus> WaitAsync(CancellationToken cancellationToken = default) => _exit.WaitAsync(cancellationToken);

    /// <summary>Reads what it writes until it ends.</summary>
    /// <param name="maxBytes">How much is kept of its output, and as much of its errors; what is beyond is read and dropped.</param>
    /// <param name="cancellationToken">Stops the call; the process goes on.</param>
    /// <exception cref="InvalidOperationException">Neither output nor errors are pipes.</exception>
    /// <exception cref="OciRuntimeException">As <see cref="WaitAsync"/>.</exception>
    public Task<CapturedOutput> CaptureAsync(int maxBytes = 1024 * 1024, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxBytes);
        if (StandardOutput is null && StandardError is null)
            throw new InvalidOperationException("There is nothing to capture: ExecOptions.Stdio has no pipes for output and errors.");
        return OutputCapture.ReadAsync(StandardOutput, StandardError, _exit.WaitAsync(cancellationToken), maxBytes, _host.TimeProvider, cancellationToken);
    }

    /// <summary>Kills it, and waits until it is gone. No error where it has ended.</summary>
    public async Task KillAsync()
    {
        if (!_exit.IsCompleted)
            await _stop.CancelAsync().ConfigureAwait(false);
        await ((Task)_exit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        await KillAsync().ConfigureAwait(false);
        _siblings.TryRemove(this, out _);
        _streams.Dispose();
        _stop.Dispose();
    }

    private async Task<ExitStatus> RunAsync(string container)
    {
        try
        {
            var options = new RuntimeLaunchOptions { Stdio = _streams.ChildEnds };
            int code = await _host.Runtime.RunExecAsync(container, _processFile, options, _stop.Token).ConfigureAwait(false);
            return new ExitStatus(code, null, _host.TimeProvider.GetUtcNow());
        }
        catch (OperationCanceledException)
        {
            return new ExitStatus(null, null, _host.TimeProvider.GetUtcNow());
        }
        finally
        {
            _streams.CloseChildEnds();
            Remove(_processFile);
            Remove($"{_processFile}.pid");
        }
    }

    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (DirectoryNotFoundException)
        {
            // The container has been deleted, and this with it.
        }
    }
}
