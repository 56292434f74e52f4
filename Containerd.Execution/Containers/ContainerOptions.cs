namespace Containerd.Execution;

/// <summary>How a container is kept, beyond what its specification says. Immutable.</summary>
public sealed record ContainerOptions
{
    /// <summary>Where the standard streams of its process lead.</summary>
    /// <value><see cref="ContainerStdio.Null"/>.</value>
    public ContainerStdio Stdio { get; init; } = ContainerStdio.Null;

    /// <summary>Where its root file system is mounted. A root file system that is a single plain bind is not mounted at all in either mode.</summary>
    /// <value><see cref="RootfsMode.PrivateNamespace"/>.</value>
    public RootfsMode RootfsMode { get; init; }

    /// <summary>
    /// Whether the container keeps running when its <see cref="Container"/> is disposed or this process ends. Its standard streams must not be pipes:
    /// the reading end goes with this process.
    /// </summary>
    /// <value>False: it is killed and deleted.</value>
    public bool KeepRunning { get; init; }
}
