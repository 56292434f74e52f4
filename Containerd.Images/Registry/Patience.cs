namespace Containerd.Images;

/// <summary>Ends an operation in which nothing moves: the token fires when <see cref="Moved"/> was not called for the time allowed, or when the caller cancels.</summary>
internal sealed class Patience : IDisposable
{
    private readonly CancellationTokenSource _source;
    private readonly CancellationTokenRegistration _caller;
    private readonly TimeSpan _allowed;
    private readonly CancellationToken _callerToken;

    public Patience(TimeSpan allowed, TimeProvider timeProvider, CancellationToken caller)
    {
        _allowed = allowed;
        _callerToken = caller;
        _source = new CancellationTokenSource(allowed, timeProvider);
        _caller = caller.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _source);
    }

    public CancellationToken Token => _source.Token;

    /// <summary>Whether it was the time, not the caller, that ended the operation.</summary>
    public bool IsExhausted => _source.IsCancellationRequested && !_callerToken.IsCancellationRequested;

    /// <summary>Stops counting until <see cref="Moved"/>.</summary>
    public void Pause() => _source.CancelAfter(Timeout.InfiniteTimeSpan);

    /// <summary>Starts counting anew.</summary>
    public void Moved() => _source.CancelAfter(_allowed);

    public void Dispose()
    {
        _caller.Dispose();
        _source.Dispose();
    }
}
