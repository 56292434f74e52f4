using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    internal static partial class Sys
    {
        // linux/uapi/linux/mount.h
        internal const ulong MS_RDONLY = 1;
        internal const ulong MS_NOSUID = 2;
        internal const ulong MS_NODEV = 4;
        internal const ulong MS_NOEXEC = 8;
        internal const ulong MS_SYNCHRONOUS = 16;
        internal const ulong MS_REMOUNT = 32;
        internal const ulong MS_MANDLOCK = 64;
        internal const ulong MS_DIRSYNC = 128;
        internal const ulong MS_NOSYMFOLLOW = 256;
        internal const ulong MS_NOATIME = 1024;
        internal const ulong MS_NODIRATIME = 2048;
        internal const ulong MS_BIND = 4096;
        internal const ulong MS_MOVE = 8192;
        internal const ulong MS_REC = 16384;
        internal const ulong MS_UNBINDABLE = 1 << 17;
        internal const ulong MS_PRIVATE = 1 << 18;
        internal const ulong MS_SLAVE = 1 << 19;
        internal const ulong MS_SHARED = 1 << 20;
        internal const ulong MS_RELATIME = 1 << 21;
        internal const ulong MS_STRICTATIME = 1 << 24;
        internal const ulong MS_LAZYTIME = 1 << 25;

        internal const ulong MOUNT_ATTR_RDONLY = 0x1;
        internal const ulong MOUNT_ATTR_NOSUID = 0x2;
        internal const ulong MOUNT_ATTR_NODEV = 0x4;
        internal const ulong MOUNT_ATTR_NOEXEC = 0x8;
        internal const ulong MOUNT_ATTR__ATIME = 0x70;
        internal const ulong MOUNT_ATTR_NOATIME = 0x10;
        internal const ulong MOUNT_ATTR_STRICTATIME = 0x20;
        internal const ulong MOUNT_ATTR_NODIRATIME = 0x80;
        internal const ulong MOUNT_ATTR_NOSYMFOLLOW = 0x200000;

        internal const int MNT_DETACH = 2;
        internal const int UMOUNT_NOFOLLOW = 8;

        private const uint FSOPEN_CLOEXEC = 1;
        private const uint FSMOUNT_CLOEXEC = 1;
        private const uint FSCONFIG_SET_FLAG = 0;
        private const uint FSCONFIG_SET_STRING = 1;
        private const uint FSCONFIG_SET_FD = 5;
        private const uint FSCONFIG_CMD_CREATE = 6;
        private const uint MOVE_MOUNT_F_EMPTY_PATH = 0x4;
        private const uint MOVE_MOUNT_T_EMPTY_PATH = 0x40;
        private const uint OPEN_TREE_CLONE = 1;
        private const uint OPEN_TREE_CLOEXEC = 0x80000; // O_CLOEXEC, the same on x64 and arm64
        private const uint AT_RECURSIVE = 0x8000;
        private const uint AT_EMPTY_PATH = 0x1000;

        // The unified numbers: every architecture gave these calls the same one.
        private const nint SYS_open_tree = 428;
        private const nint SYS_move_mount = 429;
        private const nint SYS_fsopen = 430;
        private const nint SYS_fsconfig = 431;
        private const nint SYS_fsmount = 432;
        private const nint SYS_mount_setattr = 442;

        /// <summary>Begins the configuration of a new mount of a file system type; null and the error where the kernel refuses.</summary>
        internal static unsafe SafeFileHandle? TryOpenFileSystem(string type, out int errno)
        {
            fixed (byte* name = Terminated(type))
                return Handle(syscall(SYS_fsopen, (nint)name, (nint)FSOPEN_CLOEXEC, 0, 0, 0), out errno);
        }

        internal static unsafe int ConfigureFlag(SafeFileHandle context, string key)
        {
            using var lease = new Lease(context);
            fixed (byte* name = Terminated(key))
                return ErrorOf(syscall(SYS_fsconfig, lease.Descriptor, (nint)FSCONFIG_SET_FLAG, (nint)name, 0, 0));
        }

        internal static unsafe int ConfigureString(SafeFileHandle context, string key, string value)
        {
            using var lease = new Lease(context);
            fixed (byte* name = Terminated(key))
            fixed (byte* text = Terminated(value))
                return ErrorOf(syscall(SYS_fsconfig, lease.Descriptor, (nint)FSCONFIG_SET_STRING, (nint)name, (nint)text, 0));
        }

        internal static unsafe int ConfigureHandle(SafeFileHandle context, string key, SafeFileHandle value)
        {
            using var lease = new Lease(context);
            using var valueLease = new Lease(value);
            fixed (byte* name = Terminated(key))
                return ErrorOf(syscall(SYS_fsconfig, lease.Descriptor, (nint)FSCONFIG_SET_FD, (nint)name, 0, valueLease.Descriptor));
        }

        internal static int CreateFileSystem(SafeFileHandle context)
        {
            using var lease = new Lease(context);
            return ErrorOf(syscall(SYS_fsconfig, lease.Descriptor, (nint)FSCONFIG_CMD_CREATE, 0, 0, 0));
        }

        /// <summary>The next message the kernel has about a context; null when there is none left.</summary>
        internal static unsafe string? ReadMessage(SafeFileHandle context)
        {
            using var lease = new Lease(context);
            Span<byte> buffer = stackalloc byte[1024];
            fixed (byte* text = buffer)
            {
                long length = (long)LibC.read(lease.Descriptor, text, (size_t)buffer.Length);
                return length <= 0 ? null : Encoding.UTF8.GetString(buffer[..(int)length]);
            }
        }

        /// <summary>The configured file system as a mount that is in no mount table.</summary>
        internal static SafeFileHandle? TryMakeMount(SafeFileHandle context, ulong attributes, out int errno)
        {
            using var lease = new Lease(context);
            return Handle(syscall(SYS_fsmount, lease.Descriptor, (nint)FSMOUNT_CLOEXEC, (nint)attributes, 0, 0), out errno);
        }

        /// <summary>A copy of the mount at a path, or of all mounts from there on, that is in no mount table.</summary>
        internal static unsafe SafeFileHandle? TryCloneMount(string path, bool recursive, out int errno)
        {
            uint flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
            fixed (byte* name = Terminated(path))
                return Handle(syscall(SYS_open_tree, LibC.AT_FDCWD, (nint)name, (nint)flags, 0, 0), out errno);
        }

        internal static unsafe int AttachMount(SafeFileHandle mount, SafeFileHandle place)
        {
            using var from = new Lease(mount);
            using var to = new Lease(place);
            byte empty = 0;
            return ErrorOf(syscall(
                SYS_move_mount, from.Descriptor, (nint)(&empty), to.Descriptor, (nint)(&empty), (nint)(MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)));
        }

        internal static unsafe int SetMountAttributes(SafeFileHandle mount, ulong set, ulong clear, ulong propagation, bool recursive)
        {
            using var lease = new Lease(mount);
            byte empty = 0;
            ulong* attributes = stackalloc ulong[4] { set, clear, propagation, 0 }; // struct mount_attr, MOUNT_ATTR_SIZE_VER0
            uint flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
            return ErrorOf(syscall(SYS_mount_setattr, lease.Descriptor, (nint)(&empty), (nint)flags, (nint)attributes, 4 * sizeof(ulong)));
        }

        internal static unsafe int Mount(string? source, string target, string? type, ulong flags, string? data)
        {
            fixed (byte* from = source is null ? null : Terminated(source))
            fixed (byte* to = Terminated(target))
            fixed (byte* name = type is null ? null : Terminated(type))
            fixed (byte* options = data is null ? null : Terminated(data))
                return ErrorOf(LibC.mount(from, to, name, (ulong_t)flags, options));
        }

        internal static unsafe int Unmount(string target, int flags)
        {
            fixed (byte* path = Terminated(target))
                return ErrorOf(LibC.umount2(path, flags));
        }

        private static SafeFileHandle? Handle(long descriptor, out int errno)
        {
            errno = ErrorOf(descriptor);
            return errno == 0 ? new SafeFileHandle((nint)descriptor, ownsHandle: true) : null;
        }

        [LibraryImport("libc", SetLastError = true)]
        private static partial nint syscall(nint number, nint a, nint b, nint c, nint d, nint e);
    }
}
