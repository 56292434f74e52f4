namespace Containerd;

/// <summary>An operation of the suite failed; <see cref="Kind"/> says why.</summary>
/// <remarks>
/// <para>The one exception type for failures that are not the caller's programming error. Subclasses exist only to carry
/// further facts (a registry's status, a runtime's log, a netlink attribute); to decide what to do, test <see cref="Kind"/>:
/// <c>catch (ContainerdException e) when (e.Kind == ErrorKind.NotFound)</c>.</para>
/// <para>A programming error is a BCL exception (<see cref="ArgumentException"/>, <see cref="ObjectDisposedException"/>,
/// <see cref="FormatException"/>); cancellation is always <see cref="OperationCanceledException"/>.</para>
/// <para>Unless a member says otherwise, the object that threw stays usable and nothing of the failed operation is left behind.</para>
/// <para>The message says what was being done, to what, why it failed and, where there is something to do, what to do.</para>
/// </remarks>
public class ContainerdException : Exception
{
    /// <summary>Creates an exception of a kind.</summary>
    /// <param name="kind">The class of the failure.</param>
    /// <param name="message">What was being done, to what, why it failed, what to do.</param>
    /// <param name="innerException">The failure beneath, if any.</param>
    public ContainerdException(ErrorKind kind, string message, Exception? innerException = null)
        : base(message, innerException) => Kind = kind;

    /// <summary>The class of the failure.</summary>
    public ErrorKind Kind { get; }

    /// <summary>The object concerned: a snapshot key, a digest, a reference, a path, a container ID; null where there is none.</summary>
    public string? Subject { get; init; }

    /// <summary>The Linux error number behind the failure, for diagnosis; null where no system call failed.</summary>
    public int? Errno { get; init; }

    /// <summary>Whether the same call may succeed later with nothing changed by the caller.</summary>
    /// <value>True for <see cref="ErrorKind.Unavailable"/> and <see cref="ErrorKind.Timeout"/>.</value>
    public virtual bool IsTransient => Kind is ErrorKind.Unavailable or ErrorKind.Timeout;
}
