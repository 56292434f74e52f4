namespace Containerd.Snapshots;

/// <summary>What decides whether a snapshot can be changed or built on.</summary>
/// <param name="Id">The row.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="ParentId">The row of the parent; null without one.</param>
/// <param name="Parent">The parent's name.</param>
/// <param name="TreeId">The row of its tree; null for a view.</param>
/// <param name="Created">When it was made or committed, in UTC ticks.</param>
internal readonly record struct SnapshotRow(long Id, SnapshotKind Kind, long? ParentId, string? Parent, long? TreeId, long Created);
