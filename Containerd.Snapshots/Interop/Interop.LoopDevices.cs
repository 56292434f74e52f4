using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    internal static partial class Sys
    {
        // linux/uapi/linux/loop.h
        internal const uint LO_FLAGS_READ_ONLY = 1;
        internal const uint LO_FLAGS_AUTOCLEAR = 4;
        internal const uint LO_FLAGS_DIRECT_IO = 16;
        private const nuint LOOP_SET_FD = 0x4C00, LOOP_CLR_FD = 0x4C01, LOOP_SET_STATUS64 = 0x4C04, LOOP_GET_STATUS64 = 0x4C05, LOOP_SET_DIRECT_IO = 0x4C08,
            LOOP_CONFIGURE = 0x4C0A, LOOP_CTL_GET_FREE = 0x4C82;

        /// <summary>The number of a loop device that has no image, which another process may take as well.</summary>
        internal static int FreeLoopDevice(SafeFileHandle control, out int number)
        {
            using var lease = new Lease(control);
            number = ioctl(lease.Descriptor, LOOP_CTL_GET_FREE, 0);
            return ErrorOf(number);
        }

        /// <summary>Gives a device its image and all its properties at once (Linux 5.8).</summary>
        internal static unsafe int ConfigureLoopDevice(SafeFileHandle device, SafeFileHandle image, string name, uint flags)
        {
            using var lease = new Lease(device);
            using var imageLease = new Lease(image);
            var configuration = new LoopConfiguration { Descriptor = (uint)imageLease.Descriptor, Information = Information(name, flags) };
            return ErrorOf(ioctl(lease.Descriptor, LOOP_CONFIGURE, (nint)(&configuration)));
        }

        internal static int SetLoopImage(SafeFileHandle device, SafeFileHandle image)
        {
            using var lease = new Lease(device);
            using var imageLease = new Lease(image);
            return ErrorOf(ioctl(lease.Descriptor, LOOP_SET_FD, imageLease.Descriptor));
        }

        internal static unsafe int SetLoopStatus(SafeFileHandle device, string name, uint flags)
        {
            using var lease = new Lease(device);
            LoopInformation information = Information(name, flags);
            return ErrorOf(ioctl(lease.Descriptor, LOOP_SET_STATUS64, (nint)(&information)));
        }

        /// <summary>The LO_FLAGS_* a device has.</summary>
        internal static unsafe int LoopFlags(SafeFileHandle device, out uint flags)
        {
            using var lease = new Lease(device);
            LoopInformation information = default;
            int errno = ErrorOf(ioctl(lease.Descriptor, LOOP_GET_STATUS64, (nint)(&information)));
            flags = information.Flags;
            return errno;
        }

        internal static int SetLoopDirectIo(SafeFileHandle device)
        {
            using var lease = new Lease(device);
            return ErrorOf(ioctl(lease.Descriptor, LOOP_SET_DIRECT_IO, 1));
        }

        internal static int ClearLoopDevice(SafeFileHandle device)
        {
            using var lease = new Lease(device);
            return ErrorOf(ioctl(lease.Descriptor, LOOP_CLR_FD, 0));
        }

        // The name tells people what the device is for; it has room for 64 bytes with the terminator, and the kernel never reads it.
        private static unsafe LoopInformation Information(string name, uint flags)
        {
            var information = new LoopInformation { Flags = flags };
            ReadOnlySpan<byte> bytes = Encoding.UTF8.GetBytes(name);
            bytes[..Math.Min(bytes.Length, 63)].CopyTo(new Span<byte>(information.FileName, 63));
            return information;
        }

        // Variadic in C; the third argument is a word or a pointer.
        [LibraryImport("libc", SetLastError = true)]
        private static partial int ioctl(int fd, nuint request, nint argument);

        // struct loop_info64
        [StructLayout(LayoutKind.Explicit, Size = 232)]
        private unsafe struct LoopInformation
        {
            [FieldOffset(52)] public uint Flags;
            [FieldOffset(56)] public fixed byte FileName[64];
        }

        // struct loop_config
        [StructLayout(LayoutKind.Explicit, Size = 304)]
        private struct LoopConfiguration
        {
            [FieldOffset(0)] public uint Descriptor;
            [FieldOffset(8)] public LoopInformation Information;
        }
    }
}
