namespace Containerd.Snapshots;

/// <summary>What <see cref="LocalSnapshotter.RepairAsync"/> has done.</summary>
/// <param name="Removed">The snapshots it has removed, those on top first: damaged ones, and what was based on them. Layers among them can be unpacked again.</param>
/// <param name="Remaining">The defects that are still there.</param>
public sealed record SnapshotRepairResult(IReadOnlyList<string> Removed, IReadOnlyList<SnapshotDefect> Remaining);
