namespace Containerd.Execution;

/// <summary>A further process to run in a container. What is null is as for the container's own. Immutable.</summary>
public sealed record ExecOptions
{
    /// <summary>The program, found in the container's PATH, and its arguments.</summary>
    public required IReadOnlyList<string> Args { get; init; }

    /// <summary>Variables over those of the container, as <c>NAME=VALUE</c>; an entry without <c>=</c> removes one.</summary>
    /// <value>Empty.</value>
    public IReadOnlyList<string> Env { get; init; } = [];

    /// <summary>The working directory, an absolute path in the container.</summary>
    /// <value>Null.</value>
    public string? Cwd { get; init; }

    /// <summary>Who to run as; see <see cref="ContainerSpec.User"/>.</summary>
    /// <value>Null.</value>
    public string? User { get; init; }

    /// <summary>Where its standard streams lead.</summary>
    /// <value><see cref="ContainerStdio.Null"/>.</value>
    public ContainerStdio Stdio { get; init; } = ContainerStdio.Null;
}
