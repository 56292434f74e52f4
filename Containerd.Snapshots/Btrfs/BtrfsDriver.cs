using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Trees as subvolumes of btrfs (S-21).</summary>
internal sealed class BtrfsDriver : TreeDriver
{
    private const string Files = "fs";
    private const int FileMode = 0x1ED; // 0755, S-17

    public override string Name => "btrfs";

    public override SnapshotterCapabilities Capabilities => SnapshotterCapabilities.None;

    // A subvolume holds its parent's content too.
    public override bool Stacks => false;

    public override void Probe(string directory)
    {
        using SafeFileHandle handle = Sys.TryOpen(null, directory, Sys.ReadDirectoryOnly, out int errno) ?? throw Failure("Opening", directory, errno);
        errno = Sys.FileSystemOf(handle, out long type, out _);
        if (errno == 0 && type != Interop.Btrfs.SuperMagic)
            throw Refusal(directory, "it is not on a btrfs file system");
        Check(errno == 0 ? Interop.Btrfs.Create(handle, "probe") : errno);
        try
        {
            using SafeFileHandle subvolume = Sys.TryOpen(handle, "probe", Sys.ReadDirectoryOnly, out errno) ?? throw Failure("Opening", directory, errno);
            Check(Interop.Btrfs.SetReadOnly(subvolume, readOnly: true));
        }
        finally
        {
            errno = Interop.Btrfs.Destroy(handle, "probe");
        }
        Check(errno);

        void Check(int error)
        {
            if (error != 0)
                throw Refusal(directory, $"subvolumes cannot be made and deleted: {Describe(error)}");
        }
    }

    public override void Make(TreePlace place, long id, NewTree tree, CancellationToken cancellationToken)
    {
        SafeFileHandle directory = Sys.TryOpen(place.Layers, TreePlace.Name(id), Sys.ReadDirectoryOnly, out int errno) ?? throw Failure("Opening the tree", place.FilesOf(id), errno);
        using (directory)
        {
            if (tree.Parent is not null)
            {
                using SafeFileHandle parent = Sys.TryOpen(null, tree.Parent, Sys.ReadDirectoryOnly, out errno) ?? throw Failure("Opening the parent's tree", tree.Parent, errno);
                Check(Interop.Btrfs.Snapshot(parent, directory, Files));
                return;
            }
            Check(Interop.Btrfs.Create(directory, Files));
            using SafeFileHandle files = place.OpenFiles(id);
            Check(Sys.SetMode(files, FileMode));
        }

        void Check(int error)
        {
            if (error != 0)
                throw Failure("Making the subvolume", place.FilesOf(id), error);
        }
    }

    public override IReadOnlyList<Mount> Mounts(TreeStack stack) => BindMounts.Of(stack);

    // What a snapshot has in common with its parent is the very same: number and time of change of an inode are kept by a snapshot, and nobody can set the latter.
    public override TreeMeasure Measure(string files, string? parent, IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken)
    {
        if (parent is null)
            return TreeMeasure.Take(files, null, progress, cancellationToken);
        using SafeFileHandle below = Sys.TryOpen(null, parent, Sys.ReadDirectoryOnly, out int errno) ?? throw Failure("Measuring against the parent", parent, errno);
        return TreeMeasure.Take(files, null, progress, cancellationToken, IsOwn);

        bool IsOwn(ReadOnlySpan<byte> relativePath, in EntryStatus status)
        {
            byte[] name = new byte[relativePath.Length + 1];
            relativePath.CopyTo(name);
            using SafeFileHandle? entry = relativePath.IsEmpty ? null : Sys.TryOpenConfined(below, name, Sys.PathOnly | Tmds.Linux.LibC.O_NOFOLLOW, Sys.RESOLVE_BENEATH | Sys.RESOLVE_NO_SYMLINKS, out _);
            if (entry is null && !relativePath.IsEmpty)
                return true;
            return Sys.Status(entry ?? below, "", out EntryStatus before) != 0
                || before.Inode != status.Inode
                || before.ChangedSeconds != status.ChangedSeconds
                || before.ChangedNanoseconds != status.ChangedNanoseconds;
        }
    }

    // Where a process is killed before, the tree stays writable for root, and read-only through the mounts of views.
    public override void Seal(TreePlace place, long id)
    {
        using SafeFileHandle files = place.OpenFiles(id);
        int errno = Interop.Btrfs.SetReadOnly(files, readOnly: true);
        if (errno != 0)
            throw Failure("Closing the subvolume", place.FilesOf(id), errno);
    }

    public override void Delete(SafeFileHandle parent, string name, string path, CancellationToken cancellationToken)
    {
        SafeFileHandle? directory = Sys.TryOpen(parent, name, Sys.ReadDirectoryOnly, out int errno);
        if (directory is null)
        {
            if (errno != ENOENT)
                TreeRemoval.Remove(parent, name, path, cancellationToken, protectedToo: true);
            return;
        }
        using (directory)
        {
            // With the subvolume the kernel would take away what is mounted in it. Emptied like a directory, it is found and left alone.
            bool isMountedIn = MountTable.Read().At(new FileInfo(Sys.PathOf(directory)).LinkTarget ?? path).Count > 0;
            errno = isMountedIn ? EBUSY : Interop.Btrfs.Destroy(directory, Files);
        }
        // Somebody has made subvolumes in it, read-only ones perhaps: then it is emptied like any directory. Linux 4.18 lets rmdir remove an empty subvolume.
        bool isEmptied = errno is not (0 or ENOENT);
        TreeRemoval.Remove(parent, name, path, cancellationToken, isEmptied ? entered => LetWrite(entered, path) : null, protectedToo: true);
    }

    private static void LetWrite(SafeFileHandle directory, string path)
    {
        int errno = Interop.Btrfs.SetReadOnly(directory, readOnly: false);
        if (errno is not (0 or EINVAL)) // EINVAL: no subvolume, but a directory in one
            throw Failure("Deleting the subvolume", path, errno);
    }

    private static ContainerdException Refusal(string directory, string reason) =>
        new(ErrorKind.NotSupported, $"Btrfs does not work in '{Excerpt.Of(directory)}': {reason}.") { Subject = directory };
}
