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
    /// <remarks>
    /// Only for a container that was started with <see cref="Container.StartAsync"/>, or where <see cref="ContainerHostOptions.Subreaper"/> is set. <see cref="Container.RunAsync"/> without it
    /// keeps the runtime in the foreground, which ends with its caller: disposal kills such a container all the same.
    /// </remarks>
    /// <value>False: it is killed and deleted.</value>
    public bool KeepRunning { get; init; }
}
