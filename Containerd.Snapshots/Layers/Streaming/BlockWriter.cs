using System.Threading.Channels;

namespace Containerd.Snapshots;

/// <summary>The sending end of a stage: fills whole blocks and hands them on, holding the stream to the limits meanwhile.</summary>
internal sealed class BlockWriter(ChannelWriter<Block> blocks, BlockPool pool, ExpansionGuard guard)
{
    private byte[]? _buffer;
    private int _length;

    public long Written { get; private set; }

    /// <summary>Room for more bytes, never empty.</summary>
    public async ValueTask<Memory<byte>> GetMemoryAsync(CancellationToken cancellationToken)
    {
        _buffer ??= await pool.RentAsync(cancellationToken).ConfigureAwait(false);
        return _buffer.AsMemory(_length, pool.BlockSize - _length);
    }

    public void Advance(int count)
    {
        Written += count;
        guard.Check(Written);
        _length += count;
        if (_length == pool.BlockSize)
            Send();
    }

    /// <summary>Hands on what is left.</summary>
    public void Flush()
    {
        if (_buffer is not null)
            Send();
    }

    private void Send()
    {
        blocks.TryWrite(new Block(_buffer!, _length)); // the channel is unbounded; the pool is the bound
        _buffer = null;
        _length = 0;
    }
}
