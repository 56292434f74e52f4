using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Containerd.Snapshots;

/// <summary>Writes to a pipe, which gets what is written when a block's worth has come together.</summary>
/// <param name="output">The pipe. Not completed.</param>
internal sealed class BlockWriter(PipeWriter output)
{
    private const int BlockLength = 128 << 10;

    private int _unflushed;

    /// <summary>Room for more bytes: at least so many.</summary>
    public Memory<byte> GetMemory(int length = 1) => output.GetMemory(length);

    /// <summary>Says that the room has been filled so far. False where nobody reads any more, so that going on is in vain.</summary>
    public ValueTask<bool> AdvanceAsync(int count, CancellationToken cancellationToken)
    {
        output.Advance(count);
        return CountAsync(count, cancellationToken);
    }

    /// <summary>Writes bytes. False where nobody reads any more.</summary>
    public ValueTask<bool> WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        output.Write(bytes.Span);
        return CountAsync(bytes.Length, cancellationToken);
    }

    /// <summary>Hands on what has come together. False where nobody reads any more.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> FlushAsync(CancellationToken cancellationToken)
    {
        _unflushed = 0;
        FlushResult result = await output.FlushAsync(cancellationToken).ConfigureAwait(false);
        if (result.IsCanceled)
            throw new OperationCanceledException("The writing to the pipe was cancelled.", cancellationToken);
        return !result.IsCompleted;
    }

    private ValueTask<bool> CountAsync(int count, CancellationToken cancellationToken)
    {
        _unflushed += count;
        return _unflushed < BlockLength ? ValueTask.FromResult(true) : FlushAsync(cancellationToken);
    }
}
