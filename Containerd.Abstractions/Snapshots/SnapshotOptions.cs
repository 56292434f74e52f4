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
}
