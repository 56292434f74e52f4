namespace Containerd.Execution;

/// <summary>Where one standard stream of a container's process leads. Immutable.</summary>
public sealed record StdioStream
{
    private StdioStream(StdioKind kind, string? path = null)
    {
        Kind = kind;
        Path = path;
    }

    /// <summary><c>/dev/null</c>.</summary>
    public static StdioStream Null { get; } = new(StdioKind.Null);

    /// <summary>This process's own stream. Where that is a terminal, the container can type into it (TIOCSTI): not for what is not trusted.</summary>
    public static StdioStream Inherit { get; } = new(StdioKind.Inherit);

    /// <summary>A pipe whose other end the container object has as a stream.</summary>
    /// <remarks>The process blocks when 64 KiB wait to be read, and gets SIGPIPE once the stream has been disposed.</remarks>
    public static StdioStream Pipe { get; } = new(StdioKind.Pipe);

    /// <summary>The file, for <see cref="File"/>.</summary>
    internal string? Path { get; }

    internal StdioKind Kind { get; }

    /// <summary>A file that the process appends to, made with mode 0640 where it is missing. For output; it outlives this process.</summary>
    /// <param name="path">An absolute path of the host.</param>
    public static StdioStream File(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!System.IO.Path.IsPathRooted(path))
            throw new ArgumentException($"'{path}' is not an absolute path.", nameof(path));
        return new(StdioKind.File, path);
    }
}
