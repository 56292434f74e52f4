namespace Containerd;

/// <summary>Why an operation failed, in the terms a caller branches on.</summary>
/// <remarks>
/// The kinds are containerd's error classes (github.com/containerd/errdefs) under .NET names; an implementation reports
/// exactly these, and the conformance suites assert on them. A kind never changes for a given cause, except from
/// <see cref="Unknown"/> to something more specific.
/// </remarks>
public enum ErrorKind
{
    /// <summary>No other kind describes the cause.</summary>
    Unknown = 0,

    /// <summary>The request can never succeed as it is: a malformed name, a parent that is not committed, a mount that cannot mean anything.</summary>
    InvalidArgument,

    /// <summary>The object named does not exist.</summary>
    NotFound,

    /// <summary>The object to be made exists already.</summary>
    AlreadyExists,

    /// <summary>The object exists but is not in the state the operation needs; the same call may succeed after another operation.</summary>
    FailedPrecondition,

    /// <summary>The process, or the credentials given, may not do this.</summary>
    PermissionDenied,

    /// <summary>Something needed is busy or unreachable now; the same call may succeed later. Transient.</summary>
    Unavailable,

    /// <summary>A limit was reached: disk space, quota, memory, or a bound that the caller set.</summary>
    ResourceExhausted,

    /// <summary>The kernel, the file system, the program or this implementation lacks the feature (errdefs: NotImplemented).</summary>
    NotSupported,

    /// <summary>Data is not what it must be: a digest that does not match, a truncated stream, a damaged database (errdefs: DataLoss).</summary>
    DataCorrupted,

    /// <summary>No answer, or no progress, within the time allowed (errdefs: DeadlineExceeded). Transient.</summary>
    Timeout,
}
