namespace Containerd.Snapshots;

/// <summary>What a tree is to be.</summary>
/// <param name="Parent">The tree directly beneath; null for none.</param>
/// <param name="IsWritable">Whether anything is to be written to it.</param>
/// <param name="Progress">Told the entries made so far, where they are made one by one.</param>
internal sealed record NewTree(string? Parent, bool IsWritable, IProgress<SnapshotProgress>? Progress);
