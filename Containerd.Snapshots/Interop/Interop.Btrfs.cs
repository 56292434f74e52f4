using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    /// <summary>Subvolumes of btrfs (linux/uapi/linux/btrfs.h).</summary>
    internal static unsafe partial class Btrfs
    {
        internal const long SuperMagic = 0x9123683E; // linux/magic.h

        // _IOW(0x94, NR, SIZE); the numbers are the same on every architecture .NET runs on.
        private const nuint BTRFS_IOC_SNAP_DESTROY = 0x5000940F;
        private const nuint BTRFS_IOC_SUBVOL_CREATE = 0x5000940E;
        private const nuint BTRFS_IOC_SNAP_CREATE_V2 = 0x50009417;
        private const nuint BTRFS_IOC_SUBVOL_GETFLAGS = 0x80089419;
        private const nuint BTRFS_IOC_SUBVOL_SETFLAGS = 0x4008941A;
        private const ulong BTRFS_SUBVOL_RDONLY = 1 << 1;
        private const int ArgumentSize = 4096;
        private const int NameOffset = 8; // struct btrfs_ioctl_vol_args: fd, name
        private const int NameOffsetV2 = 56; // struct btrfs_ioctl_vol_args_v2: fd, transid, flags, 4 unused, name
        private const int MaxName = 255;

        /// <summary>Makes an empty subvolume in a directory.</summary>
        internal static int Create(SafeFileHandle directory, string name)
        {
            byte* argument = stackalloc byte[ArgumentSize];
            new Span<byte>(argument, ArgumentSize).Clear();
            Write(name, argument + NameOffset);
            return Call(directory, BTRFS_IOC_SUBVOL_CREATE, argument);
        }

        /// <summary>Makes a writable snapshot of a subvolume in a directory: a subvolume that begins as its content.</summary>
        internal static int Snapshot(SafeFileHandle source, SafeFileHandle directory, string name)
        {
            byte* argument = stackalloc byte[ArgumentSize];
            new Span<byte>(argument, ArgumentSize).Clear();
            bool added = false;
            source.DangerousAddRef(ref added);
            try
            {
                *(long*)argument = (long)source.DangerousGetHandle();
                Write(name, argument + NameOffsetV2);
                return Call(directory, BTRFS_IOC_SNAP_CREATE_V2, argument);
            }
            finally
            {
                source.DangerousRelease();
            }
        }

        /// <summary>Deletes a subvolume with everything in it but subvolumes (ENOTEMPTY where it has any).</summary>
        internal static int Destroy(SafeFileHandle directory, string name)
        {
            byte* argument = stackalloc byte[ArgumentSize];
            new Span<byte>(argument, ArgumentSize).Clear();
            Write(name, argument + NameOffset);
            return Call(directory, BTRFS_IOC_SNAP_DESTROY, argument);
        }

        /// <summary>Lets nothing be written to a subvolume any more, or again.</summary>
        internal static int SetReadOnly(SafeFileHandle subvolume, bool readOnly)
        {
            ulong flags;
            int errno = Call(subvolume, BTRFS_IOC_SUBVOL_GETFLAGS, &flags);
            if (errno != 0)
                return errno;
            flags = readOnly ? flags | BTRFS_SUBVOL_RDONLY : flags & ~BTRFS_SUBVOL_RDONLY;
            return Call(subvolume, BTRFS_IOC_SUBVOL_SETFLAGS, &flags);
        }

        // The argument was cleared, so that the name ends with a zero.
        private static void Write(string name, byte* at)
        {
            if (Encoding.UTF8.GetByteCount(name) > MaxName)
                throw new ArgumentException("A subvolume's name has at most 255 bytes.", nameof(name));
            Encoding.UTF8.GetBytes(name, new Span<byte>(at, MaxName));
        }

        private static int Call(SafeFileHandle file, nuint request, void* argument)
        {
            bool added = false;
            file.DangerousAddRef(ref added);
            try
            {
                int result;
                do
                {
                    result = ioctl((int)file.DangerousGetHandle(), request, argument);
                }
                while (result < 0 && Marshal.GetLastPInvokeError() == EINTR);
                return result < 0 ? Marshal.GetLastPInvokeError() : 0;
            }
            finally
            {
                file.DangerousRelease();
            }
        }

        [LibraryImport("libc", SetLastError = true)]
        private static partial int ioctl(int fd, nuint request, void* argument);
    }
}
