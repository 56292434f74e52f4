namespace Containerd.Snapshots;

/// <summary>Stops a stream that expands to more than a layer may: the decompression bomb.</summary>
internal sealed class ExpansionGuard(LayerLimits limits, BlockReader compressed)
{
    public void Check(long expanded)
    {
        if (expanded > limits.MaxExpandedBytes)
            throw Exceeded(nameof(LayerLimits.MaxExpandedBytes), limits.MaxExpandedBytes, $"the layer expands to more than {limits.MaxExpandedBytes} bytes");
        if (expanded <= limits.ExpansionRatioFloorBytes)
            return;
        long consumed = Math.Max(compressed.Position, 1);
        if (expanded / consumed >= limits.MaxExpansionRatio)
        {
            throw Exceeded(
                nameof(LayerLimits.MaxExpansionRatio),
                limits.MaxExpansionRatio,
                $"the layer expands {consumed} compressed bytes to more than {expanded} bytes");
        }
    }

    public static ContainerdException Exceeded(string limit, long value, string what) =>
        new(ErrorKind.ResourceExhausted, $"Cannot apply the layer: {what}, which exceeds {limit} ({value}); raise the limit where the layer is to be trusted.")
        {
            Subject = limit,
        };
}
