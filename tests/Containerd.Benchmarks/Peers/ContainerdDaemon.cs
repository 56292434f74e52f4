namespace Containerd.Benchmarks;

/// <summary>A containerd of our own: root, state, socket and configuration in the workspace, and only the plugins that a pull needs.</summary>
internal sealed class ContainerdDaemon(Daemon daemon, string socket) : IAsyncDisposable
{
    public static async Task<ContainerdDaemon> StartAsync(string directory, CancellationToken cancellationToken)
    {
        string configuration = Path.Join(directory, "config.toml");
        string socket = Path.Join(directory, "containerd.sock");
        await File.WriteAllTextAsync(configuration, $"""
            version = 2
            root = "{directory}/root"
            state = "{directory}/state"
            # "opt" would make a directory in /opt; the others are snapshotters that this does not use.
            disabled_plugins = [
              "io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing",
              "io.containerd.tracing.processor.v1.otlp", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
              "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"
            ]
            [grpc]
              address = "{socket}"
            """, cancellationToken);
        (Daemon daemon, _) = await Daemon.StartAsync(
            "containerd", ["--config", configuration, "--log-level", "warn"], Path.Join(directory, "log"),
            async () => File.Exists(socket) ? await Tool.FirstLineAsync("ctr", ["--address", socket, "version"], cancellationToken) : null,
            cancellationToken);
        return new ContainerdDaemon(daemon, socket);
    }

    /// <summary>Pulls and unpacks, as <c>ctr images pull</c> does.</summary>
    public Task PullAsync(string reference, CancellationToken cancellationToken) =>
        Tool.RunAsync("ctr", ["--address", socket, "--namespace", "bench", "images", "pull", "--plain-http", reference], cancellationToken);

    public ValueTask DisposeAsync() => daemon.DisposeAsync();
}
