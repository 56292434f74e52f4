using System.Security.Cryptography;
using System.Threading.Channels;

namespace Containerd.Snapshots;

/// <summary>
/// Reads, expands and hashes a layer, each as a task of its own, so that with the extraction at its end the slowest stage is the total. Blocks from
/// two small pools go from stage to stage: nothing buffers more of a layer than those hold.
/// </summary>
internal sealed class LayerPipeline : IAsyncDisposable
{
    private const int InputBlockLength = 128 << 10, InputBlocks = 4;
    private const int OutputBlockLength = 256 << 10, OutputBlocks = 8;

    private readonly Stream _content;
    private readonly CancellationTokenSource _stop;
    private readonly BlockPool _inputPool = new(InputBlockLength, InputBlocks);
    private readonly BlockPool _outputPool = new(OutputBlockLength, OutputBlocks);
    private readonly Channel<Block> _compressed = NewChannel();
    private readonly Channel<Block> _expanded = NewChannel();
    private readonly Channel<Block> _hashed = NewChannel();
    private readonly BlockReader _input;
    private readonly BlockWriter _output;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly IProgress<long>? _progress;
    private readonly Task _stages;

    public LayerPipeline(Stream content, LayerLimits limits, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        _content = content;
        _progress = progress;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _input = new BlockReader(_compressed.Reader, _inputPool, progress);
        _output = new BlockWriter(_expanded.Writer, _outputPool, new ExpansionGuard(limits, _input));
        Expanded = new BlockReader(_hashed.Reader, _outputPool);
        _stages = Task.WhenAll(
            Run(ReadAsync, _compressed.Writer),
            Run(ExpandAsync, _expanded.Writer),
            Run(HashAsync, _hashed.Writer));
    }

    /// <summary>The uncompressed layer. Reading throws what made a stage fail.</summary>
    public BlockReader Expanded { get; }

    /// <summary>Reads what is left behind the archive, which belongs to the layer too, and gives the digest of the whole.</summary>
    public async Task<(Digest DiffId, long Size)> FinishAsync(CancellationToken cancellationToken)
    {
        await Expanded.SkipAsync(long.MaxValue, cancellationToken).ConfigureAwait(false);
        await _stages.ConfigureAwait(false);
        _progress?.Report(_input.Position);
        return (Digest.FromHash(HashAlgorithmName.SHA256, _hash.GetHashAndReset()), _output.Written);
    }

    /// <summary>Stops the stages and waits for them: only then may their buffers go.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        // Their failures have reached the reader of the blocks, or come from its stopping them.
        await _stages.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _inputPool.Dispose();
        _outputPool.Dispose();
        _hash.Dispose();
        _stop.Dispose();
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            byte[] buffer = await _inputPool.RentAsync(cancellationToken).ConfigureAwait(false);
            // Half a block or more at a time, whatever small pieces the network delivers.
            int length = await _content.ReadAtLeastAsync(buffer.AsMemory(0, InputBlockLength), InputBlockLength / 2, throwOnEndOfStream: false, cancellationToken)
                .ConfigureAwait(false);
            _compressed.Writer.TryWrite(new Block(buffer, length));
            if (length < InputBlockLength / 2)
                return;
        }
    }

    private async Task ExpandAsync(CancellationToken cancellationToken)
    {
        if (await _input.FillAsync(cancellationToken).ConfigureAwait(false))
        {
            Task decoding = CompressionSniffer.Sniff(_input.Span) switch
            {
                LayerCompression.Gzip => GzipDecoder.DecodeAsync(_input, _output, cancellationToken),
                LayerCompression.Zstandard => ZstandardDecoder.DecodeAsync(_input, _output, cancellationToken),
                _ => CopyAsync(cancellationToken),
            };
            await decoding.ConfigureAwait(false);
        }
        _output.Flush();
    }

    private async Task CopyAsync(CancellationToken cancellationToken)
    {
        while (await _input.FillAsync(cancellationToken).ConfigureAwait(false))
        {
            Memory<byte> room = await _output.GetMemoryAsync(cancellationToken).ConfigureAwait(false);
            int count = Math.Min(room.Length, _input.Span.Length);
            _input.Span[..count].CopyTo(room.Span);
            _input.Advance(count);
            _output.Advance(count);
        }
    }

    private async Task HashAsync(CancellationToken cancellationToken)
    {
        await foreach (Block block in _expanded.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
        {
            _hash.AppendData(block.Buffer, 0, block.Length);
            _hashed.Writer.TryWrite(block);
        }
    }

    private Task Run(Func<CancellationToken, Task> stage, ChannelWriter<Block> next) => Task.Run(
        async () =>
        {
            try
            {
                await stage(_stop.Token).ConfigureAwait(false);
                next.TryComplete();
            }
            catch (Exception e)
            {
                next.TryComplete(e); // the stage behind sees it where the bytes end
                throw;
            }
        },
        CancellationToken.None);

    private static Channel<Block> NewChannel() => Channel.CreateUnbounded<Block>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
}
