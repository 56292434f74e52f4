namespace Containerd.Benchmarks;

/// <summary>Something besides the time that a side is held to: memory, allocations.</summary>
/// <param name="Name">What is measured, with its unit.</param>
/// <param name="Read">Gives what it was in the round that has just ended.</param>
/// <param name="Maximum">The highest median that is good enough; null where none is set.</param>
internal sealed record Measure(string Name, Func<double> Read, double? Maximum = null);
