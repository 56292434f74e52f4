using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Containerd.Benchmarks;

/// <summary>What a run found, for people as Markdown and for programs as JSON.</summary>
internal sealed record Report(string CommandLine, DateTimeOffset Started, int Rounds, Machine Machine, IReadOnlyList<ComparisonResult> Comparisons)
{
    private static readonly JsonSerializerOptions Indented = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Every target that was not reached, in words.</summary>
    public IEnumerable<string> Missed() => Comparisons.SelectMany(comparison =>
    {
        string where = $"{comparison.Group}: {comparison.Name}";
        return (IEnumerable<string>)
        [
            .. comparison.Ratios.Where(ratio => ratio.IsMissed)
                .Select(ratio => $"{where}: {ratio.Ours} / {ratio.Peer} is {Number(ratio.Value)}, target {Number(ratio.Target)}"),
            .. comparison.Rates.Where(rate => rate.IsMissed)
                .Select(rate => $"{where}: {rate.Side} reaches {Count(rate.PerSecond)} a second, target {Count(rate.Minimum)}"),
            .. comparison.Measures.Where(measure => measure.IsMissed)
                .Select(measure => $"{where}: {measure.Side}, {measure.Name}, is {Amount(measure.Statistics?.Median)}, target {Amount(measure.Maximum)}"),
        ];
    });

    /// <summary>Every side that has no result.</summary>
    public IEnumerable<string> Failed() =>
        from comparison in Comparisons
        from side in comparison.Sides
        where side.Failure is not null
        select $"{comparison.Group}: {comparison.Name}: {side.Name}: {side.Failure}";

    /// <summary>Writes <c>TIME.md</c> and <c>TIME.json</c>, and the same again as <c>latest</c>.</summary>
    public async Task WriteAsync(string directory, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(directory);
        string name = Started.UtcDateTime.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);
        string json = JsonSerializer.Serialize(this, Indented);
        string markdown = ToMarkdown();
        foreach (string file in (string[])[name, "latest"])
        {
            await File.WriteAllTextAsync(Path.Join(directory, file + ".json"), json, cancellationToken);
            await File.WriteAllTextAsync(Path.Join(directory, file + ".md"), markdown, cancellationToken);
        }
    }

    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"# Benchmarks of {Started.UtcDateTime:yyyy-MM-dd HH:mm} UTC\n");
        text.AppendLine(CultureInfo.InvariantCulture, $"`{CommandLine}`: {Rounds} rounds, sides in turns, everything on tmpfs.\n");
        text.AppendLine(CultureInfo.InvariantCulture, $"- Linux {Machine.Kernel}, {Machine.ProcessorCount} × {Machine.Processor}, {Machine.MemoryBytes >> 30} GiB");
        text.AppendLine(CultureInfo.InvariantCulture, $"- {Machine.Runtime}");
        foreach ((string program, string version) in Machine.Programs)
            text.AppendLine(CultureInfo.InvariantCulture, $"- {program}: {version}");

        foreach (ComparisonResult comparison in Comparisons)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"\n## {comparison.Group}: {comparison.Name}\n");
            AppendTable(text, comparison);
            if (comparison.Measures.Count > 0)
                AppendMeasures(text, comparison.Measures);
        }
        foreach (string failure in Failed())
            text.AppendLine(CultureInfo.InvariantCulture, $"\nNo result: {failure}");
        return text.ToString();
    }

    private static void AppendTable(StringBuilder text, ComparisonResult comparison)
    {
        bool hasRates = comparison.Rates.Count > 0;
        text.AppendLine($"| side |{(hasRates ? " per s | at least |" : "")} median s | min s | max s | MAD s | ours / it | target |");
        text.AppendLine($"|---|{(hasRates ? "--:|--:|" : "")}--:|--:|--:|--:|--:|--:|");
        foreach (SideResult side in comparison.Sides)
        {
            Rate? rate = comparison.Rates.FirstOrDefault(rate => rate.Side == side.Name);
            Ratio? ratio = comparison.Ratios.FirstOrDefault(ratio => ratio.Peer == side.Name);
            Statistics? statistics = side.Statistics;
            string?[] cells =
            [
                side.Name,
                .. hasRates ? [Count(rate?.PerSecond), rate?.Minimum is { } minimum ? Count(minimum) + Mark(rate.IsMissed) : ""] : (string[])[],
                Number(statistics?.Median), Number(statistics?.Minimum), Number(statistics?.Maximum), Number(statistics?.MedianAbsoluteDeviation),
                Number(ratio?.Value),
                ratio?.Target is { } target ? $"≤ {Number(target)}{Mark(ratio.IsMissed)}" : "",
            ];
            text.AppendLine($"| {string.Join(" | ", cells)} |");
        }
    }

    private static void AppendMeasures(StringBuilder text, IReadOnlyList<MeasureResult> measures)
    {
        text.AppendLine("\n| side | measured | median | min | max | at most |");
        text.AppendLine("|---|---|--:|--:|--:|--:|");
        foreach (MeasureResult measure in measures)
        {
            Statistics? statistics = measure.Statistics;
            string maximum = measure.Maximum is { } most ? Amount(most) + Mark(measure.IsMissed) : "";
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"| {measure.Side} | {measure.Name} | {Amount(statistics?.Median)} | {Amount(statistics?.Minimum)} | {Amount(statistics?.Maximum)} | {maximum} |");
        }
    }

    private static string Mark(bool isMissed) => isMissed ? " **missed**" : "";

    private static string Count(double? value) => value?.ToString("N0", CultureInfo.InvariantCulture) ?? "–";

    private static string Amount(double? value) => value?.ToString("N1", CultureInfo.InvariantCulture) ?? "–";

    private static string Number(double? value) => value?.ToString("F3", CultureInfo.InvariantCulture) ?? "–";
}
