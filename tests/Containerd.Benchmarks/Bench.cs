using Spectre.Console;

namespace Containerd.Benchmarks;

/// <summary>One run of the benchmarks: where it works, and what it has found so far.</summary>
internal sealed class Bench(string repositoryRoot, int rounds, int snapshots, int files, string only) : IAsyncDisposable
{
    private readonly List<ComparisonResult> _results = [];

    public string RepositoryRoot => repositoryRoot;

    public string OutputDirectory => Path.Join(repositoryRoot, "artifacts", "bench");

    /// <summary>How many snapshots the fullest store has.</summary>
    public int Snapshots => snapshots;

    /// <summary>How many small files are copied.</summary>
    public int Files => files;

    public Workspace Workspace { get; } = new();

    public IReadOnlyList<ComparisonResult> Results => _results;

    public async Task CompareAsync(Comparison comparison, CancellationToken cancellationToken)
    {
        if (!comparison.Name.Contains(only, StringComparison.OrdinalIgnoreCase))
            return;
        AnsiConsole.MarkupLineInterpolated($"[bold]{comparison.Group}: {comparison.Name}[/]");
        _results.Add(await Runner.RunAsync(comparison, rounds, cancellationToken));
    }

    public ValueTask DisposeAsync() => Workspace.DisposeAsync();
}
