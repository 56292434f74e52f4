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
        /// <returns>The protection it has no more, for <see cref="Protect"/>; zero where it had none, or still has it.</returns>
        internal static int ClearProtection(SafeFileHandle file) => ChangeProtection(file, 0);

        /// <summary>Gives a file its protection back.</summary>
        internal static void Protect(SafeFileHandle file, int protection) => _ = ChangeProtection(file, protection);

        private static unsafe int ChangeProtection(SafeFileHandle file, int protection)
        {
            const int Protection = FS_IMMUTABLE_FL | FS_APPEND_FL;
            using var lease = new Lease(file);
            int flags = 0;
            if (ioctl(lease.Descriptor, FS_IOC_GETFLAGS, (nint)(&flags)) != 0 || (flags & Protection) == protection)
                return 0;
            int before = flags & Protection;
            flags = (flags & ~Protection) | protection;
            return ioctl(lease.Descriptor, FS_IOC_SETFLAGS, (nint)(&flags)) == 0 ? before : 0;
        }
    }
}
