using System.Text.RegularExpressions;

namespace Containerd.Benchmarks;

/// <summary>Debian's <c>docker-registry</c> on a free port of loopback, in plain HTTP, its blobs in the workspace.</summary>
internal sealed partial class LoopbackRegistry(Daemon daemon, string address) : IAsyncDisposable
{
    /// <summary>Host and port.</summary>
    public string Address => address;

    public static async Task<LoopbackRegistry> StartAsync(Workspace workspace, CancellationToken cancellationToken)
    {
        string directory = workspace.NewDirectory("registry");
        string configuration = Path.Join(directory, "config.yml");
        // Port 0: the kernel gives a free one, and the log says which.
        await File.WriteAllTextAsync(configuration, $$"""
            version: 0.1
            log: { level: info, accesslog: { disabled: true } }
            storage: { filesystem: { rootdirectory: {{directory}}/blobs } }
            http: { addr: "127.0.0.1:0" }
            """, cancellationToken);
        string log = Path.Join(directory, "log");
        (Daemon daemon, string address) = await Daemon.StartAsync("docker-registry", ["serve", configuration], log, ListeningAsync, cancellationToken);
        return new LoopbackRegistry(daemon, address);

        async Task<string?> ListeningAsync() =>
            File.Exists(log) && Listening().Match(await File.ReadAllTextAsync(log, cancellationToken)) is { Success: true } match
                ? match.Groups[1].Value
                : null;
    }

    public ValueTask DisposeAsync() => daemon.DisposeAsync();

    [GeneratedRegex(@"listening on (127\.0\.0\.1:\d+)")]
    private static partial Regex Listening();
}
