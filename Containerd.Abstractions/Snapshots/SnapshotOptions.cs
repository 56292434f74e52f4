namespace Containerd;

/// <summary>How <see cref="ISnapshotter"/> prepares an active snapshot or a view.</summary>
public sealed record SnapshotOptions
{
    /// <summary>Labels of the snapshot. They are not carried over to what it is committed as.</summary>
    /// <value>Empty.</value>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// User IDs as the container sees them and as they are outside: the mounts show the parent's files with the owners mapped. Needs
    /// <see cref="SnapshotterCapabilities.RemapIds"/>; given together with <see cref="GroupMappings"/> or not at all.
    /// </summary>
    /// <value>Empty: owners are as they are stored.</value>
    public IReadOnlyList<IdMapping> UserMappings { get; init; } = [];

    /// <summary>The same for group IDs.</summary>
    /// <value>Empty.</value>
    public IReadOnlyList<IdMapping> GroupMappings { get; init; } = [];

    /// <summary>The most bytes the snapshot should take; a hint for snapshotters that give each one a file system of its own.</summary>
    /// <value>Null: no limit.</value>
    public long? MaxBytes { get; init; }

    /// <summary>
    /// Whether the tree is to be one layer that a parent is given when it is committed (<see cref="SnapshotCommitOptions.Parent"/>). The mounts then keep what the
    /// layer deletes, although nothing is beneath yet. Needs <see cref="SnapshotterCapabilities.Rebase"/>, and no parent; with a parent it changes nothing.
    /// </summary>
    /// <value>False.</value>
    public bool IsLayer { get; init; }

    /// <summary>Told how far the preparation is, where it takes long because the snapshotter copies; null for nobody.</summary>
    /// <value>Null.</value>
    public IProgress<SnapshotProgress>? Progress { get; init; }
}
