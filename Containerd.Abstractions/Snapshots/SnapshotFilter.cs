namespace Containerd;

/// <summary>Which snapshots to list: those that meet every condition given.</summary>
public sealed record SnapshotFilter
{
    /// <summary>Only snapshots of this kind; null for all.</summary>
    public SnapshotKind? Kind { get; init; }

    /// <summary>Only the direct children of this committed snapshot; null for all.</summary>
    public string? Parent { get; init; }

    /// <summary>Only snapshots that have every one of these labels, with these values; empty for all.</summary>
    /// <value>Empty.</value>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether a snapshot meets every condition.</summary>
    /// <param name="snapshot">The snapshot.</param>
    public bool Matches(SnapshotInfo snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return (Kind is null || Kind == snapshot.Kind)
            && (Parent is null || Parent == snapshot.Parent)
            && Labels.All(wanted => snapshot.Labels.TryGetValue(wanted.Key, out string? value) && value == wanted.Value);
    }
}
