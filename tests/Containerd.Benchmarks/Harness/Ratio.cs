namespace Containerd.Benchmarks;

/// <summary>Our median over a peer's, of the same run: the only figure that means something on another machine.</summary>
/// <param name="Value">Below 1 we are faster; null where a side has no result.</param>
/// <param name="Target">The highest value that is good enough; null where none is set.</param>
internal sealed record Ratio(string Ours, string Peer, double? Value, double? Target)
{
    /// <summary>A target without a result to hold against it is missed.</summary>
    public bool IsMissed => Target is not null && !(Value <= Target);
}
