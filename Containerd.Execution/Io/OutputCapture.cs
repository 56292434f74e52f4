namespace Containerd.Execution;

/// <summary>Reads the pipes of a process until it has ended and they have.</summary>
internal static class OutputCapture
{
    // A process that the container's left behind may hold the pipe open for ever; containerd's shim has the same patience.
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(10);

    public static async Task<CapturedOutput> ReadAsync(
        Stream? output, Stream? error, Task<ExitStatus> exit, int maxBytes, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var kept = (Output: new BoundedText(maxBytes), Error: new BoundedText(maxBytes));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task reading = Task.WhenAll(kept.Output.ReadAsync(output ?? Stream.Null, stop.Token), kept.Error.ReadAsync(error ?? Stream.Null, stop.Token));
        ExitStatus status;
        try
        {
            status = await exit.ConfigureAwait(false);
        }
        catch
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
        try
        {
            await reading.WaitAsync(DrainTime, timeProvider, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // Not the process's own output any more.
            await stop.CancelAsync().ConfigureAwait(false);
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        return new CapturedOutput(status, kept.Output.ToString(), kept.Error.ToString(), kept.Output.IsTruncated || kept.Error.IsTruncated);
    }
}
