namespace Containerd.Execution;

/// <summary>Where the standard streams of a container's process lead. Immutable.</summary>
public sealed record ContainerStdio
{
    /// <summary>All three at <c>/dev/null</c>.</summary>
    public static ContainerStdio Null { get; } = new();

    /// <summary>This process's own three.</summary>
    public static ContainerStdio Inherit { get; } = new() { Input = StdioStream.Inherit, Output = StdioStream.Inherit, Error = StdioStream.Inherit };

    /// <summary>Three pipes.</summary>
    public static ContainerStdio Pipes { get; } = new() { Input = StdioStream.Pipe, Output = StdioStream.Pipe, Error = StdioStream.Pipe };

    /// <summary>Pipes for output and errors; nothing to read.</summary>
    public static ContainerStdio OutputPipes { get; } = Pipes with { Input = StdioStream.Null };

    /// <summary>What the process reads.</summary>
    /// <value><see cref="StdioStream.Null"/>.</value>
    /// <exception cref="ArgumentException">A file, which can only be appended to.</exception>
    public StdioStream Input
    {
        get;
        init => field = value.Kind != StdioKind.File ? value : throw new ArgumentException("A process cannot read from a file that is opened to append.", nameof(value));
    } = StdioStream.Null;

    /// <summary>Where its output goes.</summary>
    /// <value><see cref="StdioStream.Null"/>.</value>
    public StdioStream Output { get; init; } = StdioStream.Null;

    /// <summary>Where its errors go.</summary>
    /// <value><see cref="StdioStream.Null"/>.</value>
    public StdioStream Error { get; init; } = StdioStream.Null;
}
