namespace Containerd.Snapshots;

/// <summary>What decides whether a snapshot can be changed or built on.</summary>
/// <param name="Name">Its key or name.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="Parent">The parent's name; null without one.</param>
/// <param name="Identity">A random number, which tells it from any other that has had the name.</param>
internal readonly record struct SnapshotRow(string Name, SnapshotKind Kind, string? Parent, long Identity);
