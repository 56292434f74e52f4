using System.IO.Pipelines;

namespace Containerd.Snapshots;

/// <summary>Stops a stream that expands to more than a layer may, the decompression bomb: what is written goes on to another writer, within the limits.</summary>
internal sealed class ExpansionGuard(PipeWriter output, LayerLimits limits) : PipeWriter
{
    private long _compressed;

    /// <summary>The number of bytes written.</summary>
    public long Written { get; private set; }

    /// <summary>The number of compressed bytes that were taken so far. Set by another stage, so it may run ahead by what lies between.</summary>
    public long Compressed { get => Interlocked.Read(ref _compressed); set => Interlocked.Exchange(ref _compressed, value); }

    public override bool CanGetUnflushedBytes => output.CanGetUnflushedBytes;

    public override long UnflushedBytes => output.UnflushedBytes;

    // Before the bytes count as written, so that a compression which flushes too rarely is stopped too.
    public override void Advance(int bytes)
    {
        Check(Written + bytes);
        output.Advance(bytes);
        Written += bytes;
    }

    public override Memory<byte> GetMemory(int sizeHint = 0) => output.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => output.GetSpan(sizeHint);

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => output.FlushAsync(cancellationToken);

    public override void CancelPendingFlush() => output.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => output.Complete(exception);

    public static ContainerdException Exceeded(string limit, long value, string what) =>
        new(ErrorKind.ResourceExhausted, $"Cannot apply the layer: {what}, which exceeds {limit} ({value}); raise the limit where the layer is to be trusted.")
        {
            Subject = limit,
        };

    private void Check(long expanded)
    {
        if (expanded > limits.MaxExpandedBytes)
            throw Exceeded(nameof(LayerLimits.MaxExpandedBytes), limits.MaxExpandedBytes, $"the layer expands to more than {limits.MaxExpandedBytes} bytes");
        if (expanded <= limits.ExpansionRatioFloorBytes)
            return;
        long compressed = Math.Max(Compressed, 1);
        if ((expanded - 1) / compressed >= limits.MaxExpansionRatio)
        {
            throw Exceeded(
                nameof(LayerLimits.MaxExpansionRatio),
                limits.MaxExpansionRatio,
                $"the layer expands {compressed} compressed bytes to more than {expanded} bytes");
        }
    }
}
