namespace Containerd.Benchmarks;

/// <summary>How many operations a side made in a second, at its median. Unlike a <see cref="Ratio"/> it means something on its machine only.</summary>
/// <param name="PerSecond">Null where the side has no result.</param>
/// <param name="Minimum">The lowest value that is good enough; null where none is set.</param>
internal sealed record Rate(string Side, double? PerSecond, double? Minimum)
{
    /// <summary>A minimum without a result to hold against it is missed.</summary>
    public bool IsMissed => Minimum is not null && !(PerSecond >= Minimum);
}
