namespace Containerd.Execution;

/// <summary>How a process ended.</summary>
/// <param name="Code">
/// Its exit code; 128 and the signal's number where a signal ended it. Null where it cannot be known (see <see cref="Container"/>): a code is never invented.
/// </param>
/// <param name="Signal">
/// The signal that ended it; null where it ended by itself, and where nobody tells: a runtime in the foreground gives only the code.
/// </param>
/// <param name="ExitedAt">When this process learned of its end.</param>
public readonly record struct ExitStatus(int? Code, Signal? Signal, DateTimeOffset ExitedAt)
{
    /// <summary>Whether it ended by itself with code 0.</summary>
    public bool IsSuccess => Code == 0;

    internal static ExitStatus From(WaitStatus? status, DateTimeOffset at) => status switch
    {
        { Code: { } code } => new(code, null, at),
        { Signal: { } number } => new(128 + number, new Signal(number), at),
        _ => new(null, null, at),
    };
}
