using System.IO.Pipelines;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;

namespace Containerd.Snapshots;

/// <summary>
/// Brings an archive to where it is wanted in one pass: hashed, compressed, hashed again and written, each a task of its own, so that the slowest is the total.
/// Nothing buffers more of a layer than the pipes between them hold.
/// </summary>
internal sealed class LayerEncoding : IDisposable
{
    private const int PauseLength = 1 << 20, ResumeLength = 512 << 10, SegmentLength = 128 << 10;

    private readonly Stream _destination;
    private readonly CancellationTokenSource _stop;
    private readonly IncrementalHash _expandedHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly IncrementalHash _compressedHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private ExceptionDispatchInfo? _failure;

    public LayerEncoding(Stream destination, CancellationToken cancellationToken)
    {
        _destination = destination;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    }

    /// <summary>Writes a layer.</summary>
    /// <param name="produce">Writes the archive.</param>
    /// <param name="compression">How it is compressed.</param>
    /// <param name="options">Its media type and level.</param>
    /// <param name="progress">Told the uncompressed bytes.</param>
    public async Task<LayerDiffResult> RunAsync(
        Func<PipeWriter, CancellationToken, Task> produce, ILayerCompression compression, LayerDiffOptions options, IProgress<long>? progress)
    {
        Pipe archive = NewPipe(), expanded = NewPipe(), compressed = NewPipe();
        long size = 0, compressedSize = 0;
        await Task.WhenAll(
            RunAsync(() => produce(archive.Writer, _stop.Token), null, archive.Writer),
            RunAsync(
                async () => size = await PumpAsync(archive.Reader, _expandedHash, part => HandOnAsync(expanded.Writer, part), progress).ConfigureAwait(false),
                archive.Reader,
                expanded.Writer),
            RunAsync(() => CompressAsync(compression, expanded.Reader, compressed.Writer, options.CompressionLevel), expanded.Reader, compressed.Writer),
            RunAsync(
                async () => compressedSize = await PumpAsync(compressed.Reader, _compressedHash, WriteAsync, null).ConfigureAwait(false), compressed.Reader, null))
            .ConfigureAwait(false);
        _failure?.Throw();
        await _destination.FlushAsync(_stop.Token).ConfigureAwait(false);

        var layer = new Descriptor
        {
            MediaType = options.MediaType,
            Digest = Digest.FromHash(HashAlgorithmName.SHA256, _compressedHash.GetHashAndReset()),
            Size = compressedSize,
        };
        return new LayerDiffResult(layer, Digest.FromHash(HashAlgorithmName.SHA256, _expandedHash.GetHashAndReset()), size);
    }

    public void Dispose()
    {
        _expandedHash.Dispose();
        _compressedHash.Dispose();
        _stop.Dispose();
    }

    // The first failure is the cause; what the other stages then fail with only comes from their being stopped.
    private async Task RunAsync(Func<Task> stage, PipeReader? input, PipeWriter? output)
    {
        Exception? failure = null;
        try
        {
            await Task.Run(stage, _stop.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            failure = e;
            Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(e), null);
            await _stop.CancelAsync().ConfigureAwait(false);
        }
        if (input is not null)
            await input.CompleteAsync(failure).ConfigureAwait(false);
        if (output is not null)
            await output.CompleteAsync(failure).ConfigureAwait(false);
    }

    private async Task<long> PumpAsync(PipeReader input, IncrementalHash hash, Func<ReadOnlyMemory<byte>, ValueTask> output, IProgress<long>? progress)
    {
        long total = 0;
        while (true)
        {
            ReadResult read = await input.ReadAsync(_stop.Token).ConfigureAwait(false);
            foreach (ReadOnlyMemory<byte> part in read.Buffer)
            {
                hash.AppendData(part.Span);
                await output(part).ConfigureAwait(false);
            }
            total += read.Buffer.Length;
            input.AdvanceTo(read.Buffer.End);
            progress?.Report(total);
            if (read.IsCompleted)
                return total;
        }
    }

    private ValueTask WriteAsync(ReadOnlyMemory<byte> part) => _destination.WriteAsync(part, _stop.Token);

    private async ValueTask HandOnAsync(PipeWriter output, ReadOnlyMemory<byte> part)
    {
        FlushResult flushed = await output.WriteAsync(part, _stop.Token).ConfigureAwait(false);
        if (flushed.IsCompleted)
            throw new IOException("Compressing the layer: the compression stopped reading.");
    }

    // Codecs come from elsewhere too: one that ends before the archive does would make a layer that is cut off, with a digest that fits.
    private async Task CompressAsync(ILayerCompression compression, PipeReader expanded, PipeWriter compressed, int? level)
    {
        await compression.CompressAsync(expanded, compressed, level, _stop.Token).ConfigureAwait(false);
        ReadResult rest = await expanded.ReadAsync(_stop.Token).ConfigureAwait(false);
        if (!rest.IsCompleted || !rest.Buffer.IsEmpty)
            throw new InvalidOperationException($"The compression '{Excerpt.Of(compression.Name)}' ended before the archive did.");
        expanded.AdvanceTo(rest.Buffer.End);
        FlushResult flushed = await compressed.FlushAsync(_stop.Token).ConfigureAwait(false);
        if (flushed.IsCompleted)
            throw new IOException("Writing the layer: nobody reads it any more.");
    }

    private static Pipe NewPipe() => new(new PipeOptions(
        pauseWriterThreshold: PauseLength, resumeWriterThreshold: ResumeLength, minimumSegmentSize: SegmentLength, useSynchronizationContext: false));
}
