using System.Buffers;
using System.Threading.Channels;

namespace Containerd.Snapshots;

/// <summary>A filled part of a pooled buffer on its way from one stage to the next.</summary>
internal readonly record struct Block(byte[] Buffer, int Length);

/// <summary>A fixed number of buffers that circle between stages: whoever is ahead waits here, so that memory stays bounded.</summary>
internal sealed class BlockPool(int blockSize, int count) : IDisposable
{
    private readonly Channel<byte[]> _free = Channel.CreateUnbounded<byte[]>();
    private readonly List<byte[]> _all = new(count);

    public int BlockSize => blockSize;

    /// <summary>Takes a free buffer, waiting for one to come back where all are under way. For one caller at a time.</summary>
    public ValueTask<byte[]> RentAsync(CancellationToken cancellationToken)
    {
        if (_free.Reader.TryRead(out byte[]? buffer))
            return ValueTask.FromResult(buffer);
        if (_all.Count == count)
            return _free.Reader.ReadAsync(cancellationToken);
        buffer = ArrayPool<byte>.Shared.Rent(blockSize);
        _all.Add(buffer);
        return ValueTask.FromResult(buffer);
    }

    public void Return(byte[] buffer) => _free.Writer.TryWrite(buffer);

    /// <summary>Gives the memory back. Only once every stage that holds a block has ended.</summary>
    public void Dispose()
    {
        foreach (byte[] buffer in _all)
            ArrayPool<byte>.Shared.Return(buffer);
        _all.Clear();
    }
}
