using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Trees as plain directories, each a copy of its parent's (S-19).</summary>
internal sealed class NativeDriver : TreeDriver
{
    private const int FileMode = 0x1ED; // 0755, S-17

    public override string Name => "native";

    public override SnapshotterCapabilities Capabilities => SnapshotterCapabilities.None;

    public override bool Stacks => false;

    // Directories are all it needs, and those the store has made already.
    public override void Probe(string directory)
    {
    }

    public override void Make(TreePlace place, long id, NewTree tree, CancellationToken cancellationToken)
    {
        int errno = Sys.MakeDirectory(place.Layers, $"{TreePlace.Name(id)}/fs", FileMode);
        if (errno != 0)
            throw Failure("Making the tree", place.FilesOf(id), errno);
        if (tree.Parent is not null)
        {
            new FileTreeCopier().Copy(tree.Parent, place.FilesOf(id), null, CopyingProgress.Of(tree.Progress), cancellationToken);
            return;
        }
        using SafeFileHandle files = place.OpenFiles(id);
        errno = Sys.SetMode(files, FileMode);
        if (errno != 0)
            throw Failure("Making the tree", place.FilesOf(id), errno);
    }

    public override IReadOnlyList<Mount> Mounts(TreeStack stack) => BindMounts.Of(stack);

    public override TreeMeasure Measure(string files, string? parent, IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken) =>
        TreeMeasure.Take(files, null, progress, cancellationToken);
}
