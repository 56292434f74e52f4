namespace Containerd.Snapshots;

/// <summary>What decides whether a snapshot can be changed or built on.</summary>
/// <param name="Name">Its key or name.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="Parent">The parent's name; null without one.</param>
/// <param name="TreeId">The number of its tree; null for a view.</param>
/// <param name="Created">When it was made or committed, in UTC ticks. With the tree it tells one from another that had the name before.</param>
internal readonly record struct SnapshotRow(string Name, SnapshotKind Kind, string? Parent, long? TreeId, long Created);
