namespace Containerd.Benchmarks;

/// <summary>Our side as a process of its own, as the peers are: the sample command line.</summary>
internal static class CtrNet
{
    private static readonly string Assembly = Path.GetFullPath(
        Path.Join(AppContext.BaseDirectory, "..", "..", "Ctr", Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)), "ctr-net.dll"));

    /// <summary>Pulls and unpacks.</summary>
    public static Task PullAsync(string root, string reference, CancellationToken cancellationToken) =>
        Tool.RunAsync("dotnet", [Assembly, "--root", root, "pull", "--plain-http", reference], cancellationToken);
}
