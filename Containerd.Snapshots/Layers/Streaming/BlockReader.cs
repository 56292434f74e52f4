using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Containerd.Snapshots;

/// <summary>Reads a pipe block by block: the contiguous bytes at hand, and more of them when those are used up. A block that is used up goes back to the pipe at once.</summary>
/// <param name="input">The pipe. Not completed.</param>
/// <param name="hash">Hashes each block while it is being used; null where no hash is wanted.</param>
internal sealed class BlockReader(PipeReader input, ConcurrentHash? hash = null)
{
    private ReadOnlyMemory<byte> _rest;
    private SequencePosition _end;
    private bool _holdsBlock;

    /// <summary>The bytes at hand; empty only before <see cref="FillAsync"/> or at the end.</summary>
    public ReadOnlySpan<byte> Span => _rest.Span;

    /// <summary>Says that bytes at hand are used up.</summary>
    public void Advance(int count) => _rest = _rest[count..];

    /// <summary>Makes sure that there are bytes at hand; false at the end. Throws what made the stage before fail.</summary>
    public ValueTask<bool> FillAsync(CancellationToken cancellationToken) =>
        _rest.IsEmpty ? NextAsync(cancellationToken) : ValueTask.FromResult(true);

    /// <summary>Passes over bytes; false where the stream ends before.</summary>
    public async ValueTask<bool> SkipAsync(long count, CancellationToken cancellationToken)
    {
        while (count > 0)
        {
            if (!await FillAsync(cancellationToken).ConfigureAwait(false))
                return false;
            int step = (int)Math.Min(count, _rest.Length);
            Advance(step);
            count -= step;
        }
        return true;
    }

    /// <summary>Copies bytes until the destination is full or the stream ends, and says how many there were.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> destination, CancellationToken cancellationToken)
    {
        int done = 0;
        while (done < destination.Length && await FillAsync(cancellationToken).ConfigureAwait(false))
        {
            int step = Math.Min(destination.Length - done, _rest.Length);
            _rest[..step].CopyTo(destination[done..]);
            Advance(step);
            done += step;
        }
        return done;
    }

    // Run for every block, and awaited at once: what it is kept in while it waits is used again.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> NextAsync(CancellationToken cancellationToken)
    {
        if (_holdsBlock)
        {
            if (hash is not null)
                await hash.EndAsync().ConfigureAwait(false);
            _holdsBlock = false;
            input.AdvanceTo(_end);
        }
        ReadResult result = await input.ReadAsync(cancellationToken).ConfigureAwait(false);
        while (result.Buffer.IsEmpty)
        {
            input.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
                return false;
            if (result.IsCanceled)
                throw new OperationCanceledException("The reading of the pipe was cancelled.", cancellationToken);
            result = await input.ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        SequencePosition next = result.Buffer.Start;
        while (_rest.IsEmpty)
            result.Buffer.TryGet(ref next, out _rest);
        _end = result.Buffer.GetPosition(_rest.Length);
        _holdsBlock = true;
        hash?.Begin(_rest);
        return true;
    }
}
