using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Trees as plain directories, each a copy of its parent's (S-19).</summary>
internal sealed class NativeDriver : TreeDriver
{
    private const int FileMode = 0x1ED; // 0755, S-17
    private const int SetUserIdMode = 0x9ED; // 04755
    private const uint OtherId = 1;

    public override string Name => "native";

    public override SnapshotterCapabilities Capabilities => SnapshotterCapabilities.None;

    public override bool Stacks => false;

    // What trees and their copies need. Devices are left out: few trees have any, and many containers may not make them.
    public override void Probe(string directory)
    {
        using SafeFileHandle handle = Sys.TryOpen(null, directory, Sys.ReadDirectoryOnly, out int errno) ?? throw Failure("Opening", directory, errno);
        using SafeFileHandle file = Sys.TryOpen(handle, "file", LibC.O_WRONLY | LibC.O_CREAT | LibC.O_EXCL | LibC.O_NOFOLLOW, out errno) ?? throw Failure("Making a file in", directory, errno);
        // Of a user namespace the other user may not be part.
        bool triesOwner = Sys.EffectiveUserId == 0 && !UserNamespace.IsInside;
        if (triesOwner)
            Check("owners", Sys.SetOwner(file, OtherId, OtherId));
        Check("modes with the set-user-ID bit", Sys.SetMode(file, SetUserIdMode));
        Check("modes with the set-user-ID bit", Sys.Status(file, "", out EntryStatus status));
        if (triesOwner && (status.UserId, status.GroupId) != (OtherId, OtherId))
            throw Refusal("owners: they stay as they were");
        if (status.Permissions != SetUserIdMode)
            throw Refusal("modes with the set-user-ID bit: they stay as they were");
        Check("hard links", Sys.Link(handle, "file", handle, "link"));
        Check("symbolic links", Sys.MakeSymbolicLink("file", handle, "symbolic"));

        void Check(string what, int error)
        {
            if (error is ENOSPC or EDQUOT)
                throw Failure($"Trying {what} in", directory, error);
            if (error != 0)
                throw Refusal($"{what}: {Describe(error)}", error);
        }

        ContainerdException Refusal(string what, int? error = null) =>
            new(ErrorKind.NotSupported, $"Native does not work in '{Excerpt.Of(directory)}': trees need a file system that keeps {what}.") { Subject = directory, Errno = error };
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
