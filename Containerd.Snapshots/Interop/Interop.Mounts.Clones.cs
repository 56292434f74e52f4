using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    internal static partial class Sys
    {
        internal const ulong MOUNT_ATTR_IDMAP = 0x100000; // linux/uapi/linux/mount.h

        /// <summary>A copy of the mount that a handle was opened through, seen from there on, or of all mounts from there on, that is in no mount table.</summary>
        internal static unsafe SafeFileHandle? TryCloneMount(SafeFileHandle place, bool recursive, out int errno)
        {
            using var lease = new Lease(place);
            uint flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
            byte empty = 0;
            return Handle(syscall(SYS_open_tree, lease.Descriptor, (nint)(&empty), (nint)flags, 0, 0), out errno);
        }

        /// <summary>Has a mount that was never attached show other owners: what is X on disk is what the user namespace maps X to.</summary>
        internal static unsafe int MapMountIds(SafeFileHandle mount, SafeFileHandle userNamespace, ulong set, bool recursive)
        {
            using var lease = new Lease(mount);
            using var namespaceLease = new Lease(userNamespace);
            byte empty = 0;
            ulong* attributes = stackalloc ulong[4] { set | MOUNT_ATTR_IDMAP, 0, 0, (ulong)namespaceLease.Descriptor }; // struct mount_attr, MOUNT_ATTR_SIZE_VER0
            uint flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
            return ErrorOf(syscall(SYS_mount_setattr, lease.Descriptor, (nint)(&empty), (nint)flags, (nint)attributes, 4 * sizeof(ulong)));
        }
    }
}
