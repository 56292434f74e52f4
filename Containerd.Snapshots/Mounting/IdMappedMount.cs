using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Maps the IDs of mounts that are in no mount table, the only ones whose map the kernel sets.</summary>
internal static class IdMappedMount
{
    /// <summary>A clone of what is at a place, with mapped IDs.</summary>
    public static SafeFileHandle Clone(Mount mount, SafeFileHandle place, SafeFileHandle userNamespace, bool readOnly, bool recursive = false)
    {
        SafeFileHandle clone = Sys.TryCloneMount(place, recursive, out int errno) ?? throw Refusal(mount, "cloning the mount (open_tree)", errno, place);
        try
        {
            Map(mount, clone, userNamespace, readOnly, recursive, place);
            return clone;
        }
        catch
        {
            clone.Dispose();
            throw;
        }
    }

    /// <summary>Maps the IDs of a detached mount, or of all mounts of a detached tree.</summary>
    /// <param name="mount">What is being mounted.</param>
    /// <param name="detached">The root of the mount or tree.</param>
    /// <param name="userNamespace">The map.</param>
    /// <param name="readOnly">Whether it becomes read-only at the same time.</param>
    /// <param name="recursive">Whether the map is for the whole tree.</param>
    /// <param name="origin">Where it was cloned from, to name the file system if it refuses; null where the mount's own type is that.</param>
    public static void Map(Mount mount, SafeFileHandle detached, SafeFileHandle userNamespace, bool readOnly, bool recursive, SafeFileHandle? origin)
    {
        int errno = Sys.MapMountIds(detached, userNamespace, readOnly ? Sys.MOUNT_ATTR_RDONLY : 0, recursive);
        if (errno != 0)
            throw Refusal(mount, "mapping its IDs (mount_setattr)", errno, origin);
    }

    private static ContainerdException Refusal(Mount mount, string step, int errno, SafeFileHandle? origin)
    {
        if (errno is not (EINVAL or ENOSYS or EPERM))
            return MountFailure.Of(mount, step, errno);
        string type = origin is null ? mount.Type : MountTable.EntryOf(origin)?.Type ?? "unknown";
        string reason = errno switch
        {
            ENOSYS => "the kernel cannot map IDs of mounts; Linux 5.12 can",
            EPERM => $"it needs CAP_SYS_ADMIN in the user namespace that owns the file system '{Excerpt.Of(type)}', whose IDs must not be mapped already",
            // mount_setattr(2), "ID-mapped mounts"
            _ => $"this kernel does not map IDs of the file system '{Excerpt.Of(type)}', or of one mounted beneath; Linux 5.12 does for ext4, xfs and fat, 5.15 for btrfs,"
                + " 5.19 for erofs and the layers of an overlay (of a finished overlay none does), 6.2 for squashfs, 6.3 for tmpfs",
        };
        return new ContainerdException(
            errno == EPERM ? ErrorKind.PermissionDenied : ErrorKind.NotSupported, $"Mounting {MountFailure.Describe(mount)}: {step} failed: {Describe(errno)}: {reason}.")
        {
            Subject = mount.Source,
            Errno = errno,
        };
    }
}
