namespace Containerd.Images;

/// <summary>
/// Bounds how many layers are extracted at once. A place that becomes free goes to the call that came first, and there to the lowest layer that waits: those above it are
/// committed after it, so that it would hold them up.
/// </summary>
/// <param name="count">The number of places.</param>
internal sealed class ExtractionPlaces(int count)
{
    private readonly Lock _lock = new();
    private readonly PriorityQueue<TaskCompletionSource, (long Call, int Layer)> _waiting = new();
    private int _free = count;
    private long _calls;

    /// <summary>A number for a call, higher than those of the calls before.</summary>
    public long NextCall() => Interlocked.Increment(ref _calls);

    /// <summary>Waits for a place.</summary>
    /// <param name="call">The call's number.</param>
    /// <param name="layer">The layer's place in the image, from the bottom.</param>
    /// <param name="cancellationToken">Stops the waiting; no place is taken then.</param>
    public async Task TakeAsync(long call, int layer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var given = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_free > 0)
            {
                _free--;
                return;
            }
            _waiting.Enqueue(given, (call, layer));
        }
        using (cancellationToken.UnsafeRegister(static (waiting, token) => ((TaskCompletionSource)waiting!).TrySetCanceled(token), given))
            await given.Task.ConfigureAwait(false);
    }

    /// <summary>Gives a place back.</summary>
    public void Release()
    {
        lock (_lock)
        {
            while (_waiting.TryDequeue(out TaskCompletionSource? next, out _))
            {
                if (next.TrySetResult())
                    return;
            }
            _free++;
        }
    }
}
