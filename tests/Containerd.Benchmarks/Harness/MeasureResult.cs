namespace Containerd.Benchmarks;

/// <summary>What a <see cref="Measure"/> was, over the rounds.</summary>
/// <param name="Statistics">Null where the side has no result.</param>
/// <param name="Maximum">The highest median that is good enough; null where none is set.</param>
internal sealed record MeasureResult(string Side, string Name, Statistics? Statistics, double? Maximum)
{
    /// <summary>A maximum without a result to hold against it is missed.</summary>
    public bool IsMissed => Maximum is not null && !(Statistics?.Median <= Maximum);
}
