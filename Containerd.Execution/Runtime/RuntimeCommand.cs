namespace Containerd.Execution;

/// <summary>One invocation of a runtime's program.</summary>
/// <param name="Program">Absolute path.</param>
/// <param name="Arguments">Arguments behind the program's name.</param>
/// <param name="Environment">All of its environment, as NAME=VALUE.</param>
internal sealed record RuntimeCommand(string Program, IReadOnlyList<string> Arguments, IReadOnlyList<string> Environment);
