namespace Containerd;

/// <summary>The kinds of work that take a snapshotter long, each with its unit.</summary>
public enum SnapshotWork
{
    /// <summary>Copying the parent's tree, in entries.</summary>
    Copying,

    /// <summary>Walking a tree to measure it, in entries.</summary>
    Measuring,

    /// <summary>Comparing trees with what is recorded of them, in trees.</summary>
    Checking,

    /// <summary>Deleting the trees of removed snapshots, in trees.</summary>
    Deleting,
}
