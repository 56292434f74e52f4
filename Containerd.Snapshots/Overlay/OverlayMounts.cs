using System.Collections.Immutable;

namespace Containerd.Snapshots;

/// <summary>The mounts of a snapshot (S-15).</summary>
internal sealed class OverlayMounts(TreeStore trees, ImmutableArray<string> options)
{
    /// <summary>The mounts that show a snapshot.</summary>
    /// <param name="kind">What it is.</param>
    /// <param name="treeId">Its own tree; null for a view of its parent.</param>
    /// <param name="parents">The trees beneath, topmost first.</param>
    public IReadOnlyList<Mount> Of(SnapshotKind kind, long? treeId, List<long> parents)
    {
        bool readOnly = kind == SnapshotKind.View;
        // One directory needs no overlay, and overlay would refuse a single lower directory.
        if (parents.Count == 0)
            return [Bind(trees.FilesOf(treeId!.Value), readOnly)];
        if (readOnly && parents.Count == 1)
            return [Bind(trees.FilesOf(parents[0]), readOnly)];

        var overlay = new OverlayMount
        {
            // A layer may be in a chain twice (an empty one often is), and overlay refuses a directory twice. The upper one shows and hides everything
            // that the lower one does, so the lower one makes no difference.
            LowerDirectories = [.. parents.Distinct().Select(trees.FilesOf)],
            UpperDirectory = readOnly ? null : trees.FilesOf(treeId!.Value),
            WorkDirectory = readOnly ? null : trees.WorkOf(treeId!.Value),
            Options = options,
        };
        return [overlay.ToMount()];
    }

    private static Mount Bind(string directory, bool readOnly) =>
        new() { Type = "bind", Source = directory, Options = [readOnly ? "ro" : "rw", "rbind"] };
}
