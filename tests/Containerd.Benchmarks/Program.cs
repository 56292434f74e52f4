using System.CommandLine;
using System.Runtime.Versioning;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Containerd.Benchmarks;
using Spectre.Console;

[assembly: SupportedOSPlatform("linux")]

string repository = FindRepository();

// Everything after "micro" is BenchmarkDotNet's. In process, since a project that it would generate does not fit this repository's build.
if (args is ["micro", .. var rest])
{
    IConfig config = ManualConfig.Create(DefaultConfig.Instance)
        .AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance))
        .WithArtifactsPath(Path.Join(repository, "artifacts", "bench", "micro"));
    return BenchmarkSwitcher.FromAssembly(typeof(DigestBenchmarks).Assembly).Run(rest is [] ? ["--filter", "*"] : rest, config).Any() ? 0 : 1;
}

var groups = new Argument<string[]>("group") { Arity = ArgumentArity.ZeroOrMore, Description = "What to compare; everything where none is given." };
groups.AcceptOnlyFromAmong(Groups.Names);
var check = new Option<bool>("--check") { Description = "Fail where a target is missed." };
var rounds = new Option<int>("--rounds") { Description = "How often each side runs.", DefaultValueFactory = _ => 5 };
rounds.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() < 1)
        result.AddError("--rounds is at least 1.");
});
var snapshots = new Option<int>("--snapshots")
{
    Description = "How many snapshots the fullest store of the group 'snapshots' has.",
    DefaultValueFactory = _ => 100_000,
};
snapshots.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() <= SnapshotComparisons.ReferenceSize)
        result.AddError($"--snapshots is above {SnapshotComparisons.ReferenceSize}, which the fullest store is compared with.");
});
var files = new Option<int>("--files") { Description = "How many small files the group 'copy' copies.", DefaultValueFactory = _ => 50_000 };
files.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() < 1)
        result.AddError("--files is at least 1.");
});
var only = new Option<string>("--only") { Description = "Passes over the comparisons of the groups whose names do not contain it.", DefaultValueFactory = _ => "" };
var command = new RootCommand("Compares with containerd, buildah and others. 'micro' runs the micro-benchmarks.") { groups, check, rounds, snapshots, files, only };
command.SetAction((parsed, cancellationToken) =>
    RunAsync(
        parsed.GetValue(groups) is { Length: > 0 } named ? named : Groups.Names,
        parsed.GetValue(rounds), parsed.GetValue(snapshots), parsed.GetValue(files), parsed.GetValue(only)!, parsed.GetValue(check), cancellationToken));
return await command.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromMinutes(1) });

async Task<int> RunAsync(string[] names, int count, int fullest, int copied, string text, bool mustReach, CancellationToken cancellationToken)
{
    DateTimeOffset started = TimeProvider.System.GetUtcNow();
    IReadOnlyList<ComparisonResult> results;
    await using (var bench = new Bench(repository, count, fullest, copied, text))
    {
        foreach (string name in names)
        {
            if (!await Groups.RunAsync(name, bench, cancellationToken))
                AnsiConsole.MarkupLineInterpolated($"[bold]{name}:[/] nothing is compared yet.");
        }
        results = bench.Results;
    }
    if (results.Count == 0)
        return 0;

    var report = new Report(
        $"./build.sh bench {string.Join(' ', args)}".TrimEnd(), started, count, await Machine.DescribeAsync(cancellationToken), results);
    string directory = Path.Join(repository, "artifacts", "bench");
    await report.WriteAsync(directory, cancellationToken);
    Console.WriteLine();
    Console.Write(report.ToMarkdown());
    Console.WriteLine($"\nWritten to {Path.Join(directory, "latest.md")} and .json.");

    bool failed = report.Failed().Any();
    foreach (string missed in report.Missed())
    {
        Console.Error.WriteLine($"Target missed: {missed}");
        failed |= mustReach;
    }
    return failed ? 1 : 0;
}

static string FindRepository()
{
    for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
    {
        if (File.Exists(Path.Join(directory.FullName, "Containerd.sln")))
            return directory.FullName;
    }
    throw new InvalidOperationException("The benchmarks run from the repository they were built in.");
}
