using System.Diagnostics;
using CliWrap;

namespace Containerd.Benchmarks;

/// <summary>A program that runs until it is told to stop.</summary>
internal sealed class Daemon : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _kill = new();
    private readonly Task _exited;
    private readonly string _name;
    private readonly FileStream _log;

    private Daemon(string program, IEnumerable<string> arguments, string log)
    {
        _name = program;
        // Not buffered: whether it is ready is read in its log.
        _log = new FileStream(log, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
        _exited = Cli.Wrap(program).WithArguments(arguments)
            .WithStandardErrorPipe(PipeTarget.ToStream(_log))
            .WithValidation(CommandResultValidation.None)
            .ExecuteAsync(_kill.Token, _stop.Token);
    }

    /// <summary>Starts a program and waits until it is ready.</summary>
    /// <param name="log">The file that gets what it says on its standard error.</param>
    /// <param name="isReady">Asked again and again until it gives something.</param>
    public static async Task<(Daemon Daemon, T Ready)> StartAsync<T>(
        string program, IEnumerable<string> arguments, string log, Func<Task<T?>> isReady, CancellationToken cancellationToken)
        where T : class
    {
        var daemon = new Daemon(program, arguments, log);
        try
        {
            long start = Stopwatch.GetTimestamp();
            while (true)
            {
                if (daemon._exited.IsCompleted)
                    throw new InvalidOperationException($"{program} ended at once: {await File.ReadAllTextAsync(log, cancellationToken)}");
                if (await isReady() is { } ready)
                    return (daemon, ready);
                if (Stopwatch.GetElapsedTime(start) > StartTimeout)
                    throw new InvalidOperationException($"{program} was not ready in time: {await File.ReadAllTextAsync(log, cancellationToken)}");
                await Task.Delay(50, cancellationToken);
            }
        }
        catch
        {
            await daemon.DisposeAsync();
            throw;
        }
    }

    /// <summary>Interrupts the program, and kills it where that is not enough.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _kill.CancelAfter(StopTimeout);
        try
        {
            await _exited;
        }
        catch (OperationCanceledException) when (!_kill.IsCancellationRequested)
        {
            // Interrupted, as asked.
        }
        catch (OperationCanceledException)
        {
            throw new InvalidOperationException($"{_name} did not stop within {StopTimeout.TotalSeconds} s and was killed.");
        }
        finally
        {
            await _log.DisposeAsync();
            _stop.Dispose();
            _kill.Dispose();
        }
    }
}
