using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    internal static partial class Sys
    {
        // linux/uapi/linux/magic.h
        internal const long TMPFS_MAGIC = 0x01021994;
        internal const long OVERLAYFS_SUPER_MAGIC = 0x794c7630;

        /// <summary>Flushes everything written to the file system a file lies on.</summary>
        internal static int SyncFileSystem(SafeFileHandle file)
        {
            using var lease = new Lease(file);
            return ErrorOf(LibC.syncfs(lease.Descriptor));
        }

        /// <summary>The type (a magic number) of the file system a file lies on, and the flags of the mount it was reached by (ST_*).</summary>
        internal static unsafe int FileSystemOf(SafeFileHandle file, out long type, out ulong flags)
        {
            using var lease = new Lease(file);
            // struct statfs of the 64-bit architectures is fifteen words: f_type first, f_flags the eleventh.
            long* status = stackalloc long[32];
            int errno;
            do
            {
                errno = ErrorOf(fstatfs(lease.Descriptor, status));
            }
            while (errno == EINTR);
            type = status[0];
            flags = (ulong)status[10];
            return errno;
        }

        /// <summary>Whether there is room for anything small on the file system a file lies on.</summary>
        internal static unsafe bool HasRoom(SafeFileHandle file)
        {
            const long Enough = 1 << 20;
            using var lease = new Lease(file);
            long* status = stackalloc long[32];
            return fstatfs(lease.Descriptor, status) == 0 && status[4] >= Enough / Math.Max(status[1], 1); // f_bavail, f_bsize
        }

        [LibraryImport("libc", SetLastError = true)]
        private static unsafe partial int fstatfs(int fd, long* buffer);
    }
}
