namespace Containerd.Snapshots;

/// <summary>A tree that does not change any more.</summary>
/// <param name="Tree">Its directory.</param>
/// <param name="Measure">What was measured when it was committed.</param>
/// <param name="DiffId">The layer for which it is shared by every chain that contains it (L-7); null where it is not.</param>
/// <param name="Synced">Whether it has been flushed to disk.</param>
internal readonly record struct CommittedTree(TreeRecord Tree, TreeMeasure Measure, string? DiffId, bool Synced);
