using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    internal static partial class Sys
    {
        // linux/uapi/linux/fs.h; the number says long, what it points to is an int.
        private const nuint FS_IOC_GETFLAGS = 0x80086601, FS_IOC_SETFLAGS = 0x40086602;
        private const int FS_IMMUTABLE_FL = 0x10, FS_APPEND_FL = 0x20;

        /// <summary>Has a file or directory take changes again, which chattr(1) has it refuse. Needs CAP_LINUX_IMMUTABLE.</summary>
        /// <returns>Whether that was so, and is no more.</returns>
        internal static unsafe bool ClearProtection(SafeFileHandle file)
        {
            const int Protection = FS_IMMUTABLE_FL | FS_APPEND_FL;
            using var lease = new Lease(file);
            int flags = 0;
            if (ioctl(lease.Descriptor, FS_IOC_GETFLAGS, (nint)(&flags)) != 0 || (flags & Protection) == 0)
                return false;
            flags &= ~Protection;
            return ioctl(lease.Descriptor, FS_IOC_SETFLAGS, (nint)(&flags)) == 0;
        }
    }
}
