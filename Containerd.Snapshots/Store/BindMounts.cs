namespace Containerd.Snapshots;

/// <summary>The mounts of a snapshotter whose trees are whole: one bind of the topmost.</summary>
internal static class BindMounts
{
    public static IReadOnlyList<Mount> Of(TreeStack stack) =>
    [
        new Mount
        {
            Type = "bind",
            Source = stack.FilesOf(stack.Own ?? stack.Parents[0]),
            Options = [stack.Kind == SnapshotKind.View ? "ro" : "rw", "rbind"],
        },
    ];
}
