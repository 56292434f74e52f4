namespace Containerd.Benchmarks;

/// <summary>What can be compared, by name. A group is filled by the part of the suite that it is about.</summary>
internal static class Groups
{
    public static readonly string[] Names = ["pull", "snapshots", "layers", "copy", "content", "containers", "network"];

    private static readonly Dictionary<string, Func<Bench, CancellationToken, Task>> Filled = new()
    {
        ["pull"] = PullComparisons.RunAsync,
        ["snapshots"] = SnapshotComparisons.RunAsync,
        ["layers"] = LayerComparisons.RunAsync,
        ["copy"] = CopyComparisons.RunAsync,
    };

    /// <summary>Runs a group's comparisons; false where it has none.</summary>
    public static async Task<bool> RunAsync(string group, Bench bench, CancellationToken cancellationToken)
    {
        if (!Filled.TryGetValue(group, out Func<Bench, CancellationToken, Task>? run))
            return false;
        await run(bench, cancellationToken);
        return true;
    }
}
