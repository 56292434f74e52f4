namespace Containerd.Snapshots;

/// <summary>A difference between what a store says and what is on disk.</summary>
/// <param name="Kind">What is wrong.</param>
/// <param name="Snapshot">The snapshot it concerns, one for each that shares the tree; null where it concerns none.</param>
/// <param name="Path">The directory or file.</param>
/// <param name="Description">What was expected and what was found, in a sentence.</param>
public sealed record SnapshotDefect(SnapshotDefectKind Kind, string? Snapshot, string Path, string Description);
