namespace Containerd.Benchmarks;

/// <summary>One way of doing what a comparison compares. Only <see cref="Run"/> is inside the clock.</summary>
internal sealed record Side(string Name)
{
    /// <summary>Makes everything cold and ready, before each round.</summary>
    public Func<CancellationToken, Task> SetUp { get; init; } = _ => Task.CompletedTask;

    public required Func<CancellationToken, Task> Run { get; init; }

    /// <summary>How many operations one <see cref="Run"/> makes; null where it is one piece of work, of which a rate says nothing.</summary>
    public int? Operations { get; init; }

    /// <summary>The lowest rate that is good enough, in operations a second; null where none is set.</summary>
    public double? MinimumRate { get; init; }

    /// <summary>What else is measured, outside the clock: read after each round, before <see cref="CleanUp"/>.</summary>
    public IReadOnlyList<Measure> Measures { get; init; } = [];

    /// <summary>Throws unless <see cref="Run"/> did all of the work: a side that does nothing is the fastest.</summary>
    public Func<CancellationToken, Task> Verify { get; init; } = _ => Task.CompletedTask;

    /// <summary>Undoes all of it; called after each round, however it ended.</summary>
    public Func<Task> CleanUp { get; init; } = () => Task.CompletedTask;
}
