using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Where mounts go: places are held open, so that no rename or symbolic link can move them between look-up and use.</summary>
internal static class MountPlace
{
    public static SafeFileHandle OpenTarget(string target) =>
        Sys.TryOpen(null, target, Sys.PathOnly, out int errno) ?? throw Failure("Opening the target", target, errno);

    /// <summary>The place of a mount inside the tree, whatever links are in its way.</summary>
    public static SafeFileHandle Open(SafeFileHandle root, MountRequest request)
    {
        if (request.IsRoot)
            return Duplicate(root);
        return Sys.TryOpenConfined(root, request.Mount.Target.TrimStart('/'), Sys.PathOnly, Sys.RESOLVE_IN_ROOT, out int errno)
            ?? throw MountFailure.MissingDirectory(request.Mount, "the target inside the tree", request.Mount.Target, errno);
    }

    /// <summary>Whether the place of a mount is the root of the tree, by whatever target: what follows is mounted in this one then.</summary>
    public static bool IsRoot(SafeFileHandle root, SafeFileHandle place, MountRequest request) => request.IsRoot || (
        MountTable.IdOf(root) == MountTable.IdOf(place)
        && Sys.Status(root, "", out EntryStatus one) == 0 && Sys.Status(place, "", out EntryStatus other) == 0
        && (one.Device, one.Inode) == (other.Device, other.Inode));

    public static SafeFileHandle OpenDirectory(Mount mount, string option, string path) =>
        Sys.TryOpen(null, path, Sys.PathOnly | Tmds.Linux.LibC.O_DIRECTORY, out int errno)
            ?? throw MountFailure.MissingDirectory(mount, option, path, errno);

    /// <summary>A second handle of the same place that holds nothing but the place: closing it never ends a detached tree.</summary>
    public static SafeFileHandle Duplicate(SafeFileHandle place) =>
        Sys.TryOpen(null, Sys.PathOf(place), Sys.PathOnly, out int errno) ?? throw Failure("Reopening", Sys.PathOf(place), errno);

    /// <summary>Takes a mount out of the tree: by handle, so that it is the very mount; lazily, as the handle itself keeps it busy.</summary>
    /// <returns>Zero, or the error; EBUSY where another is mounted on top of it, which is what the kernel would take.</returns>
    public static int TakeAway(SafeFileHandle mount)
    {
        int id = MountTable.IdOf(mount);
        IReadOnlyList<MountTableEntry> mounts = MountTable.Read().Entries;
        string? path = mounts.FirstOrDefault(entry => entry.Id == id).Path;
        bool isCovered = mounts.Any(entry => entry.ParentId == id && entry.Path == path);
        return isCovered ? EBUSY : Sys.Unmount(Sys.PathOf(mount), Sys.MNT_DETACH);
    }

    /// <summary>Takes mounts that were just made out of the tree again, the last one first.</summary>
    public static void Rollback(List<SafeFileHandle> mounts, Exception cause)
    {
        for (int i = mounts.Count - 1; i >= 0; i--)
        {
            int errno = TakeAway(mounts[i]);
            if (errno != 0)
            {
                throw new ContainerdException(
                    ErrorKind.Unknown, $"{cause.Message} Then taking back the {i + 1} mounts made before it failed too: {Describe(errno)}; they are still mounted.", cause)
                { Errno = errno };
            }
        }
    }
}
