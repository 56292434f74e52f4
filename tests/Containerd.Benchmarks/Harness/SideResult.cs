namespace Containerd.Benchmarks;

/// <summary>What a side took, round by round, or why it has no result.</summary>
internal sealed record SideResult(string Name, IReadOnlyList<double> Seconds, string? Failure)
{
    public Statistics? Statistics { get; } = Failure is null ? Statistics.Of(Seconds) : null;
}
