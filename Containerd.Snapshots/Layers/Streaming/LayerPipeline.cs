using System.Buffers;
using System.IO.Pipelines;

namespace Containerd.Snapshots;

/// <summary>
/// Reads, expands and hashes a layer while it is extracted, so that the slowest of these is the total. Two pipes lie between: nothing buffers more of
/// a layer than those hold. Where every processor has a layer to work on (<see cref="LayersInWork"/>), all of it happens on one thread, piece by piece.
/// </summary>
internal sealed class LayerPipeline : IAsyncDisposable
{
    private const int CompressedBlockLength = 128 << 10, CompressedLength = 512 << 10;
    private const int ExpandedBlockLength = 256 << 10, ExpandedLength = 2 << 20;
    private const int MarkLength = 32;

    private readonly Stream _content;
    private readonly string _mediaType;
    private readonly TarLayerApplierOptions _options;
    private readonly CancellationTokenSource _stop;
    private readonly LayersInWork _layers;
    private readonly Pipe _compressed;
    private readonly Pipe _expanded;
    private readonly ExpansionGuard _output;
    private readonly ConcurrentHash _hash;
    private readonly IProgress<long>? _progress;
    private readonly Task _stages;

    public LayerPipeline(
        Stream content, string mediaType, TarLayerApplierOptions options, LayersInWork layers, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        _content = content;
        _mediaType = mediaType;
        _options = options;
        _layers = layers;
        _progress = progress;
        _compressed = NewPipe(CompressedBlockLength, CompressedLength);
        _expanded = NewPipe(ExpandedBlockLength, ExpandedLength);
        _hash = new ConcurrentHash(layers);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _output = new ExpansionGuard(_expanded.Writer, options.Limits);
        Expanded = new BlockReader(_expanded.Reader, _hash);
        layers.Begin();
        _stages = Task.WhenAll(Run(ReadAsync, _compressed.Writer), Run(ExpandAsync, _expanded.Writer));
    }

    /// <summary>The uncompressed layer. Reading throws what made a stage fail.</summary>
    public BlockReader Expanded { get; }

    /// <summary>Reads what is left behind the archive, which belongs to the layer too, and gives the digest of the whole.</summary>
    public async Task<(Digest DiffId, long Size)> FinishAsync(CancellationToken cancellationToken)
    {
        await Expanded.SkipAsync(long.MaxValue, cancellationToken).ConfigureAwait(false);
        await _stages.ConfigureAwait(false);
        return (_hash.Finish(), _output.Written);
    }

    /// <summary>Stops the stages and waits for them: only then may their buffers go.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        // Their failures have reached the reader of the blocks, or come from its stopping them.
        await _stages.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _hash.EndAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _compressed.Reader.CompleteAsync().ConfigureAwait(false);
        await _expanded.Reader.CompleteAsync().ConfigureAwait(false);
        _hash.Dispose();
        _stop.Dispose();
        _layers.End();
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            // Half a block or more at a time, whatever small pieces the network delivers.
            Memory<byte> block = _compressed.Writer.GetMemory(CompressedBlockLength)[..CompressedBlockLength];
            int length = await _content.ReadAtLeastAsync(block, CompressedBlockLength / 2, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
            _output.Compressed += length;
            _compressed.Writer.Advance(length);
            await _compressed.Writer.FlushAsync(cancellationToken).ConfigureAwait(false);
            _progress?.Report(_output.Compressed);
            if (length < CompressedBlockLength / 2)
                return;
            await _layers.LetOthersRunAsync().ConfigureAwait(false);
        }
    }

    private async Task ExpandAsync(CancellationToken cancellationToken)
    {
        PipeReader input = _compressed.Reader;
        ReadResult first = await input.ReadAtLeastAsync(MarkLength, cancellationToken).ConfigureAwait(false);
        if (first.Buffer.IsEmpty)
            return; // an empty layer
        ILayerCompression compression = Choose(first.Buffer);
        input.AdvanceTo(first.Buffer.Start);
        await compression.ExpandAsync(input, _output, cancellationToken).ConfigureAwait(false);
        ReadResult rest = await input.ReadAsync(cancellationToken).ConfigureAwait(false);
        if (!rest.Buffer.IsEmpty)
            throw new ContainerdException(ErrorKind.DataCorrupted, $"Cannot expand the layer as {compression.Name}: there is garbage behind its end. Fetch the layer again.");
    }

    private ILayerCompression Choose(ReadOnlySequence<byte> content)
    {
        Span<byte> start = stackalloc byte[MarkLength];
        start = start[..(int)Math.Min(MarkLength, content.Length)];
        content.Slice(0, start.Length).CopyTo(start);
        return LayerCompressions.ForContent(_options.Compressions, start, _mediaType);
    }

    private Task Run(Func<CancellationToken, Task> stage, PipeWriter output) => Task.Run(
        async () =>
        {
            try
            {
                await stage(_stop.Token).ConfigureAwait(false);
                await output.CompleteAsync().ConfigureAwait(false);
            }
            catch (Exception e)
            {
                await output.CompleteAsync(e).ConfigureAwait(false); // the stage behind sees it when it reads on
                throw;
            }
        },
        CancellationToken.None);

    // Whoever had to wait goes on when half is used up: woken for every block, two stages would do little else.
    private Pipe NewPipe(int blockLength, int length) => new(new PipeOptions(
        readerScheduler: _layers, writerScheduler: _layers,
        pauseWriterThreshold: length, resumeWriterThreshold: length / 2, minimumSegmentSize: blockLength, useSynchronizationContext: false));
}
