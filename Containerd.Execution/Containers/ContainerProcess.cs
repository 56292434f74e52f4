using System.Collections.Concurrent;

namespace Containerd.Execution;

/// <summary>A further process in a container. Disposing it kills it where it runs, and closes its streams. Thread-safe.</summary>
public sealed class ContainerProcess : IAsyncDisposable
{
    private readonly ContainerHost host;
    private readonly ProcessStreams streams;
    private readonly string processFile;
    private readonly ConcurrentDictionary<ContainerProcess, bool> siblings;
    private readonly CancellationTokenSource stop = new();
    private readonly Task<ExitStatus> exit;
    private int disposed;

    internal ContainerProcess(ContainerHost host, string container, string processFile, ProcessStreams streams, ConcurrentDictionary<ContainerProcess, bool> siblings)
    {
        this.host = host;
        this.streams = streams;
        this.processFile = processFile;
        this.siblings = siblings;
        siblings[this] = true;
        exit = RunAsync(container);
    }

    /// <summary>What it reads, where that is a pipe. Disposing it is the end of the input.</summary>
    public Stream? StandardInput => streams.Input;

    /// <summary>What it writes, where that is a pipe.</summary>
    public Stream? StandardOutput => streams.Output;

    /// <summary>What it writes as errors, where that is a pipe.</summary>
    public Stream? StandardError => streams.Error;

    /// <summary>Waits until it has ended.</summary>
    /// <param name="cancellationToken">Stops the wait, nothing else.</param>
    /// <returns>How it ended. The code is null where it was killed by <see cref="KillAsync"/> or disposal.</returns>
    /// <exception cref="OciRuntimeException">As <see cref="IOciRuntime.RunExecAsync"/>.</exception>
    public Task<ExitStatus> WaitAsync(CancellationToken cancellationToken = default) => exit.WaitAsync(cancellationToken);

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
        return OutputCapture.ReadAsync(StandardOutput, StandardError, exit.WaitAsync(cancellationToken), maxBytes, host.TimeProvider, cancellationToken);
    }

    /// <summary>Kills it, and waits until it is gone. No error where it has ended.</summary>
    public async Task KillAsync()
    {
        if (!exit.IsCompleted)
            await stop.CancelAsync().ConfigureAwait(false);
        await ((Task)exit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
            return;
        await KillAsync().ConfigureAwait(false);
        siblings.TryRemove(this, out _);
        streams.Dispose();
        stop.Dispose();
    }

    private async Task<ExitStatus> RunAsync(string container)
    {
        try
        {
            var options = new RuntimeLaunchOptions { Stdio = streams.ChildEnds };
            int code = await host.Runtime.RunExecAsync(container, processFile, options, stop.Token).ConfigureAwait(false);
            return new ExitStatus(code, null, host.TimeProvider.GetUtcNow());
        }
        catch (OperationCanceledException)
        {
            return new ExitStatus(null, null, host.TimeProvider.GetUtcNow());
        }
        finally
        {
            streams.CloseChildEnds();
            Remove(processFile);
            Remove($"{processFile}.pid");
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
