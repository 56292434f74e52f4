using System.Collections.Immutable;

namespace Containerd.Snapshots;

/// <summary>The mounts of a snapshot (S-15).</summary>
internal static class OverlayMounts
{
    /// <summary>The mounts that show a stack of trees.</summary>
    /// <param name="stack">The trees.</param>
    /// <param name="options">The options of every overlay.</param>
    public static IReadOnlyList<Mount> Of(TreeStack stack, ImmutableArray<string> options)
    {
        bool readOnly = stack.Kind == SnapshotKind.View;
        ImmutableArray<string> maps = stack.Mappings.IsEmpty ? [] : [$"uidmap={stack.Mappings.Users}", $"gidmap={stack.Mappings.Groups}"];
        // One directory needs no overlay, which would refuse a single lower directory; but what the tree deletes only an overlay hides.
        if (stack is { Own: { } own, Parents.Count: 0 } && (readOnly || !own.KeepsDeletions))
            return [Bind(stack.FilesOf(own), readOnly, maps)];
        if (readOnly && stack.Parents is [{ } parent] && !(parent.KeepsDeletions && parent.HasDeletions))
            return [Bind(stack.FilesOf(parent), readOnly: true, maps)];

        // A layer may be in a chain twice (an empty one often is), and overlay refuses a directory twice. The upper one shows and hides everything
        // that the lower one does, so the lower one makes no difference.
        ImmutableArray<string> lower = [.. stack.Parents.Select(stack.FilesOf).Distinct()];
        if (lower.IsEmpty || (readOnly && lower.Length == 1))
            lower = lower.Add(StoreRoot.EmptyOf(stack.Root));
        var overlay = new OverlayMount
        {
            LowerDirectories = lower,
            UpperDirectory = readOnly ? null : stack.FilesOf(stack.Own!.Value),
            WorkDirectory = readOnly ? null : stack.WorkOf(stack.Own!.Value),
            Options = options,
        };
        Mount mount = overlay.ToMount();
        return [mount with { Options = [.. maps, .. mount.Options] }];
    }

    private static Mount Bind(string directory, bool readOnly, ImmutableArray<string> maps) =>
        new() { Type = "bind", Source = directory, Options = [.. maps, readOnly ? "ro" : "rw", "rbind"] };
}
