namespace Containerd.Execution;

/// <summary>What a process wrote until it ended, and how it ended.</summary>
/// <param name="Exit">How it ended.</param>
/// <param name="StandardOutput">Its output, decoded as UTF-8.</param>
/// <param name="StandardError">Its errors, decoded as UTF-8.</param>
/// <param name="IsTruncated">Whether it wrote more than was kept of either; the rest was read and dropped.</param>
public sealed record CapturedOutput(ExitStatus Exit, string StandardOutput, string StandardError, bool IsTruncated);
