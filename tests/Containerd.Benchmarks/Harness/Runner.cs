using System.Diagnostics;
using Spectre.Console;

namespace Containerd.Benchmarks;

/// <summary>Runs the sides of a comparison in turns.</summary>
internal static class Runner
{
    /// <remarks>
    /// One round that is not counted, then the counted ones. Within a round the sides follow each other, and each round reverses
    /// the order, so that a machine that warms up or slows down does so for all of them alike.
    /// </remarks>
    public static async Task<ComparisonResult> RunAsync(Comparison comparison, int rounds, CancellationToken cancellationToken)
    {
        var seconds = comparison.Sides.ToDictionary(side => side, _ => new List<double>());
        var measured = comparison.Sides.ToDictionary(side => side, side => side.Measures.ToDictionary(measure => measure.Name, _ => new List<double>()));
        var failures = new Dictionary<Side, string>();
        for (int round = 0; round <= rounds; round++)
        {
            foreach (Side side in round % 2 == 0 ? comparison.Sides : comparison.Sides.Reverse())
            {
                if (failures.ContainsKey(side))
                    continue;
                try
                {
                    (double elapsed, Dictionary<string, double> values) = await MeasureAsync(side, cancellationToken);
                    AnsiConsole.MarkupLineInterpolated($"  [grey]{(round == 0 ? "warm-up" : $"round {round}"),-8}[/] {side.Name,-16} {elapsed,8:F3} s");
                    if (round == 0)
                        continue;
                    seconds[side].Add(elapsed);
                    foreach ((string name, double value) in values)
                        measured[side][name].Add(value);
                }
                catch (Exception exception) when (exception is not OperationCanceledException)
                {
                    // The others are still worth comparing; a side without a result is reported, and misses its targets.
                    failures[side] = exception.Message;
                    AnsiConsole.MarkupLineInterpolated($"  [red]{side.Name} failed:[/] {exception.Message}");
                }
            }
        }
        return ComparisonResult.Of(comparison,
            [.. comparison.Sides.Select(side => new SideResult(
                side.Name, seconds[side], measured[side].ToDictionary(values => values.Key, values => (IReadOnlyList<double>)values.Value), failures.GetValueOrDefault(side)))]);
    }

    private static async Task<(double Seconds, Dictionary<string, double> Values)> MeasureAsync(Side side, CancellationToken cancellationToken)
    {
        try
        {
            await side.SetUp(cancellationToken);
            long start = Stopwatch.GetTimestamp();
            await side.Run(cancellationToken);
            double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
            await side.Verify(cancellationToken);
            return (elapsed, side.Measures.ToDictionary(measure => measure.Name, measure => measure.Read()));
        }
        finally
        {
            await side.CleanUp();
        }
    }
}
