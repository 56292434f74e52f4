namespace Containerd;

/// <summary>How far long work of a snapshotter is.</summary>
/// <param name="Work">What is being done.</param>
/// <param name="Done">How much is done, in the unit of the work.</param>
/// <param name="Total">How much there is; null while that is not known.</param>
public readonly record struct SnapshotProgress(SnapshotWork Work, long Done, long? Total);
