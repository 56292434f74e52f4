namespace Containerd.Snapshots;

/// <summary>A committed snapshot with the trees that make it up. It never changes; whether another has its name now, <paramref name="Row"/> tells.</summary>
/// <param name="Row">Which it is.</param>
/// <param name="Trees">Its tree and those beneath, topmost first.</param>
internal sealed record KnownParent(SnapshotRow Row, IReadOnlyList<TreeRecord> Trees);
