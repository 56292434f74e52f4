namespace Containerd.Benchmarks;

/// <summary>A comparison's outcome.</summary>
internal sealed record ComparisonResult(
    string Group, string Name, IReadOnlyList<SideResult> Sides, IReadOnlyList<Ratio> Ratios, IReadOnlyList<Rate> Rates, IReadOnlyList<MeasureResult> Measures)
{
    public static ComparisonResult Of(Comparison comparison, IReadOnlyList<SideResult> sides)
    {
        SideResult ours = sides[0];
        return new ComparisonResult(
            comparison.Group, comparison.Name, sides,
            [.. sides.Skip(1).Select(peer => new Ratio(
                ours.Name, peer.Name,
                ours.Statistics?.Median / peer.Statistics?.Median,
                comparison.Targets.TryGetValue(peer.Name, out double target) ? target : null))],
            [.. comparison.Sides.Zip(sides)
                .Where(pair => pair.First.Operations is not null)
                .Select(pair => new Rate(pair.First.Name, pair.First.Operations / pair.Second.Statistics?.Median, pair.First.MinimumRate))],
            [.. from pair in comparison.Sides.Zip(sides)
                from measure in pair.First.Measures
                select new MeasureResult(
                    pair.First.Name, measure.Name,
                    pair.Second.Failure is null ? Statistics.Of([.. pair.Second.Measured[measure.Name]]) : null,
                    measure.Maximum)]);
    }
}
