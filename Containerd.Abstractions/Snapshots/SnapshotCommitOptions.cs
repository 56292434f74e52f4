namespace Containerd;

/// <summary>How <see cref="ISnapshotter.CommitAsync"/> seals a snapshot.</summary>
public sealed record SnapshotCommitOptions
{
    /// <summary>Labels of the committed snapshot; those of the active one are not carried over.</summary>
    /// <value>Empty.</value>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// The committed snapshot to put beneath an active one that was prepared without a parent. Needs <see cref="SnapshotterCapabilities.Rebase"/>.
    /// Directories that the layer implied but did not describe then take the metadata they have in the parent.
    /// </summary>
    /// <value>Null: the parent it was prepared on.</value>
    public string? Parent { get; init; }

    /// <summary>
    /// The diff ID of the layer that was applied, where the tree is exactly that layer and nothing else. The snapshotter may then use the tree
    /// again for any other chain that contains the layer (<see cref="ISnapshotter.AdoptAsync"/>).
    /// </summary>
    /// <value>Null: the tree is used by this snapshot alone.</value>
    public Digest? DiffId { get; init; }

    /// <summary>
    /// Whether the tree would be the same over any other base (<see cref="LayerApplyResult.DependsOnBase"/> negated). Only then is a tree with a
    /// <see cref="DiffId"/> shared.
    /// </summary>
    /// <value>False.</value>
    public bool IsIndependentOfParent { get; init; }

    /// <summary>Told how far the commit is: it walks the whole tree; null for nobody.</summary>
    /// <value>Null.</value>
    public IProgress<SnapshotProgress>? Progress { get; init; }
}
