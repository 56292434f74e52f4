namespace Containerd.Benchmarks;

/// <summary>What a side took, round by round, and what was measured besides; or why it has no result.</summary>
internal sealed record SideResult(string Name, IReadOnlyList<double> Seconds, IReadOnlyDictionary<string, IReadOnlyList<double>> Measured, string? Failure)
{
    public Statistics? Statistics { get; } = Failure is null ? Statistics.Of(Seconds) : null;
}
