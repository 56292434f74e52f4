namespace Containerd;

/// <summary>An OCI runtime's verb failed.</summary>
public sealed class OciRuntimeException : ContainerdException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="kind">The class of the failure.</param>
    /// <param name="message">What was being done, to which container, and what the runtime said.</param>
    /// <param name="innerException">The failure beneath, if any.</param>
    public OciRuntimeException(ErrorKind kind, string message, Exception? innerException = null)
        : base(kind, message, innerException)
    {
    }

    /// <summary>The verb: <c>create</c>, <c>start</c> …</summary>
    public required string Verb { get; init; }

    /// <summary>The container; null for a verb that concerns none.</summary>
    public string? ContainerId { get; init; }

    /// <summary>The runtime's exit code; null where it did not run or was killed.</summary>
    public int? ExitCode { get; init; }

    /// <summary>What the runtime said in its own words: the last error of its log, or the end of its standard error.</summary>
    public string? RuntimeMessage { get; init; }

    /// <summary>The messages of its log, oldest first, at most 100.</summary>
    public IReadOnlyList<string> LogMessages { get; init; } = [];
}
