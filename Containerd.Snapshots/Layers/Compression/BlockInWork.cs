using System.Buffers;

namespace Containerd.Snapshots;

/// <summary>A block on its way from being read to being written, compressed meanwhile on a thread of the pool. Used again for one block after another.</summary>
internal sealed class BlockInWork : IAsyncDisposable
{
    private readonly BlockCompressor _compressor;
    private readonly int _blockLength;
    private readonly byte[] _block;
    private readonly byte[] _compressed;
    private readonly Func<int> _compress;
    private int _length;
    private Task<int>? _work;

    public BlockInWork(BlockCompressor compressor, int blockLength)
    {
        _compressor = compressor;
        _blockLength = blockLength;
        _block = ArrayPool<byte>.Shared.Rent(blockLength);
        _compressed = ArrayPool<byte>.Shared.Rent(compressor.Bound(blockLength));
        _compress = () => _compressor.Compress(_block.AsSpan(0, _length), _compressed);
    }

    /// <summary>Reads the next block; it is shorter than others, or empty, only at the end.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(BlockReader input, CancellationToken cancellationToken)
    {
        _length = await input.ReadAsync(_block.AsMemory(0, _blockLength), cancellationToken).ConfigureAwait(false);
        return _block.AsMemory(0, _length);
    }

    /// <summary>Starts to compress what was read.</summary>
    public void Start() => _work = Task.Run(_compress);

    /// <summary>Waits until the block is compressed and writes it, if there is one. False where nobody reads the output any more.</summary>
    public async ValueTask<bool> WriteAsync(BlockWriter output, CancellationToken cancellationToken)
    {
        if (_work is not { } work)
            return true;
        int length = await work.ConfigureAwait(false);
        _work = null;
        return await output.WriteAsync(_compressed.AsMemory(0, length), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits until nothing uses the buffers and gives them back.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_work is not null)
            await ((Task)_work).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        ArrayPool<byte>.Shared.Return(_block);
        ArrayPool<byte>.Shared.Return(_compressed);
        _compressor.Dispose();
    }
}
