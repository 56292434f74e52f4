namespace Containerd.Execution;

/// <summary>What a runtime's words mean.</summary>
/// <param name="Text">A part of the message, compared without regard to case.</param>
/// <param name="Kind">The kind of error that the message stands for.</param>
/// <param name="Verb">The one verb that it means this for; null for all.</param>
public sealed record RuntimeErrorPattern(string Text, ErrorKind Kind, string? Verb = null);
