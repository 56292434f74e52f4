using System.Threading.Channels;

namespace Containerd.Snapshots;

/// <summary>The receiving end of a stage: the bytes at hand, and more of them when those are used up.</summary>
internal sealed class BlockReader(ChannelReader<Block> blocks, BlockPool pool, IProgress<long>? progress = null)
{
    private Block _current;
    private int _offset;

    /// <summary>The bytes at hand; empty only before <see cref="FillAsync"/> or at the end.</summary>
    public ReadOnlyMemory<byte> Memory => _current.Buffer.AsMemory(_offset, _current.Length - _offset);

    /// <summary>The bytes at hand.</summary>
    public ReadOnlySpan<byte> Span => _current.Buffer.AsSpan(_offset, _current.Length - _offset);

    /// <summary>The number of bytes used up so far. Read by another stage too, so it may lag there.</summary>
    public long Position => Interlocked.Read(ref _position);

    private long _position;

    public void Advance(int count)
    {
        _offset += count;
        Interlocked.Add(ref _position, count);
    }

    /// <summary>Makes sure that there are bytes at hand; false at the end. Throws what made the stage before fail.</summary>
    public ValueTask<bool> FillAsync(CancellationToken cancellationToken) =>
        _offset < _current.Length ? ValueTask.FromResult(true) : NextAsync(cancellationToken);

    /// <summary>Passes over bytes; false where the stream ends before.</summary>
    public async ValueTask<bool> SkipAsync(long count, CancellationToken cancellationToken)
    {
        while (count > 0)
        {
            if (!await FillAsync(cancellationToken).ConfigureAwait(false))
                return false;
            int step = (int)Math.Min(count, Span.Length);
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
            int step = Math.Min(destination.Length - done, Span.Length);
            Span[..step].CopyTo(destination.Span[done..]);
            Advance(step);
            done += step;
        }
        return done;
    }

    private async ValueTask<bool> NextAsync(CancellationToken cancellationToken)
    {
        Release();
        while (await blocks.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (!blocks.TryRead(out _current))
                continue;
            _offset = 0;
            if (_current.Length > 0)
                return true;
            Release();
        }
        return false;
    }

    private void Release()
    {
        if (_current.Buffer is null)
            return;
        pool.Return(_current.Buffer);
        _current = default;
        _offset = 0;
        progress?.Report(Position);
    }
}
