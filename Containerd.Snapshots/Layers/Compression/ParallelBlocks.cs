namespace Containerd.Snapshots;

/// <summary>
/// Compresses a stream in blocks of one length, several at once, and writes them in their order. What comes out depends neither on how many are
/// compressed at once nor on how the bytes arrive.
/// </summary>
internal sealed class ParallelBlocks(int blockLength, int workers, Func<BlockCompressor> newCompressor)
{
    /// <summary>Compresses all there is: at least one block, which is empty where the stream is.</summary>
    /// <param name="input">The stream.</param>
    /// <param name="output">Takes the blocks.</param>
    /// <param name="seen">Is shown each block as it was read, in order; null where nobody wants to see them.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>False where nobody reads the output any more.</returns>
    public async Task<bool> CompressAsync(BlockReader input, BlockWriter output, Action<ReadOnlyMemory<byte>>? seen, CancellationToken cancellationToken)
    {
        var ring = new BlockInWork?[workers];
        try
        {
            int at = 0;
            for (bool first = true; ; first = false, at = (at + 1) % workers)
            {
                BlockInWork block = ring[at] ??= new BlockInWork(newCompressor(), blockLength);
                if (!await block.WriteAsync(output, cancellationToken).ConfigureAwait(false))
                    return false;
                ReadOnlyMemory<byte> content = await block.ReadAsync(input, cancellationToken).ConfigureAwait(false);
                if (content.IsEmpty && !first)
                    break;
                block.Start();
                seen?.Invoke(content);
            }
            for (int i = 1; i < workers; i++)
            {
                if (ring[(at + i) % workers] is { } block && !await block.WriteAsync(output, cancellationToken).ConfigureAwait(false))
                    return false;
            }
            return true;
        }
        finally
        {
            foreach (BlockInWork? block in ring)
            {
                if (block is not null)
                    await block.DisposeAsync().ConfigureAwait(false);
            }
        }
    }
}
