namespace Containerd.Benchmarks;

/// <summary>Sides that do the same thing, ours first.</summary>
/// <param name="Group">What part of the suite it is about; one of <see cref="Groups.Names"/>.</param>
/// <param name="Name">What is done, in a few words.</param>
/// <param name="Sides">Ours first, then the peers.</param>
/// <param name="Targets">For a peer, the highest ratio of our median to its median that is good enough.</param>
internal sealed record Comparison(string Group, string Name, IReadOnlyList<Side> Sides, IReadOnlyDictionary<string, double> Targets)
{
    public Side Ours => Sides[0];
}
