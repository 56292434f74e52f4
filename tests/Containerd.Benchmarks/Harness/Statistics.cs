namespace Containerd.Benchmarks;

/// <summary>The middle of some measurements, and how far they lie from it.</summary>
/// <param name="MedianAbsoluteDeviation">The median distance from the median: a spread that one bad round does not move.</param>
internal sealed record Statistics(double Median, double Minimum, double Maximum, double MedianAbsoluteDeviation)
{
    public static Statistics Of(IReadOnlyCollection<double> values)
    {
        double median = MedianOf(values);
        return new Statistics(median, values.Min(), values.Max(), MedianOf([.. values.Select(value => Math.Abs(value - median))]));
    }

    private static double MedianOf(IReadOnlyCollection<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
