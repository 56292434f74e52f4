namespace Containerd.Execution;

/// <summary>How a process ended: exactly one of the two is set.</summary>
/// <param name="Code">Its exit code.</param>
/// <param name="Signal">The number of the signal that ended it.</param>
internal readonly record struct WaitStatus(int? Code, int? Signal)
{
    public static WaitStatus Exited(int code) => new(code, null);

    public static WaitStatus Signalled(int signal) => new(null, signal);

    /// <summary>From the encoding of wait(2).</summary>
    public static WaitStatus Decode(int status) =>
        (status & 0x7F) == 0 ? Exited((status >> 8) & 0xFF) : Signalled(status & 0x7F);

    public override string ToString() => Code is { } code ? $"exit code {code}" : $"{new Signal(Signal!.Value)}";
}
