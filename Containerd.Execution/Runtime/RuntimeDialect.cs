using System.Collections.Immutable;

namespace Containerd.Execution;

/// <summary>How one OCI runtime's command line differs from the next one's. Immutable; a runtime that is not here is described with <c>with</c> from the nearest.</summary>
/// <remarks>
/// The OCI command line document fixes only create, start, state, kill and delete; everything else is what runc does and others follow.
/// <example>
/// <code>
/// RuntimeDialect youki = RuntimeDialect.Crun with { Name = "youki", Program = "youki" };
/// var runtime = new OciRuntime(new OciRuntimeOptions { Dialect = youki });
/// </code>
/// </example>
/// </remarks>
public sealed record RuntimeDialect
{
    /// <summary>The runtime's short stable name.</summary>
    public required string Name { get; init; }

    /// <summary>The program's file name, looked for in <c>PATH</c> and the system's directories, or its path.</summary>
    public required string Program { get; init; }

    /// <summary>Arguments before every verb.</summary>
    /// <value>Empty.</value>
    public ImmutableArray<string> GlobalArguments { get; init; } = [];

    /// <summary>Whether it writes a log of JSON lines with <c>level</c> and <c>msg</c> by <c>--log FILE --log-format json</c>. Without one its standard error is all there is.</summary>
    /// <value>True.</value>
    public bool HasJsonLog { get; init; } = true;

    /// <summary>What its messages mean, the first match deciding.</summary>
    /// <value>The messages of runc, and those of the kernel that all runtimes pass on.</value>
    public ImmutableArray<RuntimeErrorPattern> ErrorPatterns { get; init; } = CommonPatterns;

    /// <summary>runc, 1.1 and later.</summary>
    public static RuntimeDialect Runc { get; } = new() { Name = "runc", Program = "runc" };

    /// <summary>crun, 1.8 and later.</summary>
    public static RuntimeDialect Crun { get; } = new()
    {
        Name = "crun",
        Program = "crun",
        ErrorPatterns =
        [
            // crun tells of a container that runs by the start-up FIFO that is no longer there, and of an unknown one by its state file.
            new("exec.fifo", ErrorKind.FailedPrecondition, "start"),
            new("is not in `created` or `stopped` state", ErrorKind.FailedPrecondition),
            new("is not running", ErrorKind.FailedPrecondition),
            .. CommonPatterns,
        ],
    };

    /// <summary>runsc of gVisor. Only its foreground <c>run</c> tells how the container ended.</summary>
    public static RuntimeDialect Runsc { get; } = new() { Name = "runsc", Program = "runsc" };

    /// <summary>The kind of error that a message of the runtime stands for.</summary>
    /// <param name="verb">The verb that failed.</param>
    /// <param name="message">What the runtime said.</param>
    public ErrorKind Classify(string verb, string message)
    {
        ArgumentNullException.ThrowIfNull(verb);
        ArgumentNullException.ThrowIfNull(message);
        foreach (RuntimeErrorPattern pattern in ErrorPatterns)
        {
            if ((pattern.Verb is null || pattern.Verb == verb) && message.Contains(pattern.Text, StringComparison.OrdinalIgnoreCase))
                return pattern.Kind;
        }
        return ErrorKind.Unknown;
    }

    // A property, so that the order of the static members does not matter. Source: runc libcontainer/error.go; containerd process/utils.go.
    private static ImmutableArray<RuntimeErrorPattern> CommonPatterns =>
    [
        new("container with given id already exists", ErrorKind.AlreadyExists),
        new("container with id exists", ErrorKind.AlreadyExists),
        new("already exists", ErrorKind.AlreadyExists, "create"),
        new("already exists", ErrorKind.AlreadyExists, "run"),
        new("invalid container id format", ErrorKind.InvalidArgument),
        new("container does not exist", ErrorKind.NotFound),
        new("container not running", ErrorKind.NotFound, "kill"),
        new("process already finished", ErrorKind.NotFound, "kill"),
        new("no such process", ErrorKind.NotFound, "kill"),
        new("oom-killed", ErrorKind.ResourceExhausted),
        new("cannot allocate memory", ErrorKind.ResourceExhausted),
        new("no space left on device", ErrorKind.ResourceExhausted),
        new("cannot start a container that has stopped", ErrorKind.FailedPrecondition),
        new("cannot start an already running container", ErrorKind.FailedPrecondition),
        new("cannot start a container in the", ErrorKind.FailedPrecondition),
        new("cannot exec in a", ErrorKind.FailedPrecondition),
        new("cannot exec a container that has", ErrorKind.FailedPrecondition),
        new("that is not stopped", ErrorKind.FailedPrecondition),
        new("container still running", ErrorKind.FailedPrecondition),
        new("container not running", ErrorKind.FailedPrecondition),
        new("container not paused", ErrorKind.FailedPrecondition),
        new("container paused", ErrorKind.FailedPrecondition),
        new("without a private uts namespace", ErrorKind.InvalidArgument),
        new("cannot unmarshal", ErrorKind.InvalidArgument),
        new("invalid character", ErrorKind.InvalidArgument),
        new("executable file not found in $path", ErrorKind.NotFound),
        new("no such file or directory", ErrorKind.NotFound),
        new("does not exist", ErrorKind.NotFound),
        new("permission denied", ErrorKind.PermissionDenied),
        new("operation not permitted", ErrorKind.PermissionDenied),
        new("device or resource busy", ErrorKind.Unavailable),
        new("function not implemented", ErrorKind.NotSupported),
        new("not supported", ErrorKind.NotSupported),
        new("invalid argument", ErrorKind.InvalidArgument),
        new("invalid", ErrorKind.InvalidArgument, "update"),
    ];

    /// <inheritdoc/>
    public bool Equals(RuntimeDialect? other) =>
        other is not null
        && Name == other.Name
        && Program == other.Program
        && HasJsonLog == other.HasJsonLog
        && GlobalArguments.AsSpan().SequenceEqual(other.GlobalArguments.AsSpan())
        && ErrorPatterns.AsSpan().SequenceEqual(other.ErrorPatterns.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Program, HasJsonLog, GlobalArguments.Length, ErrorPatterns.Length);
}
