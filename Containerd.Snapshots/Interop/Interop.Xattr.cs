using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    /// <summary>Extended attributes of the file that a handle is. Names are bytes without the terminating zero.</summary>
    internal static unsafe partial class Xattr
    {
        private const int MaxNameLength = 255; // linux/uapi/linux/limits.h XATTR_NAME_MAX
        private const int ERANGE = 34;

        /// <summary>Sets an attribute; the handle may be a path handle, of a symbolic link too.</summary>
        public static FileResult Set(SafeFileHandle file, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
        {
            if (name.Length is 0 or > MaxNameLength)
                return new FileResult(ERANGE);
            byte* terminated = stackalloc byte[MaxNameLength + 1];
            byte* link = stackalloc byte[Files.LinkLength];
            Terminate(name, terminated);
            using Files.Lease lease = new(file);
            Files.WriteLink(lease.Fd, link);
            fixed (byte* start = value)
            {
                // A path handle refuses fsetxattr; its link in /proc leads to the same file and nobody can swap it.
                if (fsetxattr(lease.Fd, terminated, start, (nuint)value.Length, 0) == 0)
                    return FileResult.Success;
                if (Marshal.GetLastPInvokeError() != EBADF)
                    return FileResult.OfLastCall;
                return setxattr(link, terminated, start, (nuint)value.Length, 0) < 0 ? FileResult.OfLastCall : FileResult.Success;
            }
        }

        /// <summary>Reads an attribute.</summary>
        public static FileResult Get(SafeFileHandle file, ReadOnlySpan<byte> name, Span<byte> value, out int length)
        {
            byte* terminated = stackalloc byte[MaxNameLength + 1];
            byte* link = stackalloc byte[Files.LinkLength];
            length = 0;
            if (name.Length is 0 or > MaxNameLength)
                return new FileResult(ERANGE);
            Terminate(name, terminated);
            using Files.Lease lease = new(file);
            Files.WriteLink(lease.Fd, link);
            fixed (byte* start = value)
            {
                nint read = fgetxattr(lease.Fd, terminated, start, (nuint)value.Length);
                if (read < 0 && Marshal.GetLastPInvokeError() == EBADF) // a path handle
                    read = getxattr(link, terminated, start, (nuint)value.Length);
                length = (int)Math.Max(read, 0);
                return read < 0 ? FileResult.OfLastCall : FileResult.Success;
            }
        }

        public static FileResult Remove(SafeFileHandle file, ReadOnlySpan<byte> name)
        {
            byte* terminated = stackalloc byte[MaxNameLength + 1];
            Terminate(name, terminated);
            return fremovexattr(file, terminated) < 0 ? FileResult.OfLastCall : FileResult.Success;
        }

        /// <summary>Lists the names, each followed by a zero. A list longer than the buffer is refused by the kernel (64 KiB is its own limit).</summary>
        public static FileResult List(SafeFileHandle file, Span<byte> names, out int length)
        {
            byte* link = stackalloc byte[Files.LinkLength];
            using Files.Lease lease = new(file);
            Files.WriteLink(lease.Fd, link);
            fixed (byte* start = names)
            {
                nint read = listxattr(link, start, (nuint)names.Length);
                length = (int)Math.Max(read, 0);
                return read < 0 ? FileResult.OfLastCall : FileResult.Success;
            }
        }

        /// <summary>Takes the first name off a list of them, as <see cref="List"/> gives it.</summary>
        public static ReadOnlySpan<byte> TakeName(ref ReadOnlySpan<byte> names)
        {
            ReadOnlySpan<byte> name = names[..names.IndexOf((byte)0)];
            names = names[(name.Length + 1)..];
            return name;
        }

        private const int EBADF = 9;

        private static void Terminate(ReadOnlySpan<byte> name, byte* buffer)
        {
            name.CopyTo(new Span<byte>(buffer, MaxNameLength));
            buffer[name.Length] = 0;
        }

        [LibraryImport("libc", SetLastError = true)]
        private static partial int fsetxattr(int file, byte* name, byte* value, nuint size, int flags);

        [LibraryImport("libc", SetLastError = true)]
        private static partial int setxattr(byte* path, byte* name, byte* value, nuint size, int flags);

        [LibraryImport("libc", SetLastError = true)]
        private static partial nint fgetxattr(int file, byte* name, byte* value, nuint size);

        [LibraryImport("libc", SetLastError = true)]
        private static partial nint getxattr(byte* path, byte* name, byte* value, nuint size);

        [LibraryImport("libc", SetLastError = true)]
        private static partial nint listxattr(byte* path, byte* list, nuint size);

        [LibraryImport("libc", SetLastError = true)]
        private static partial int fremovexattr(SafeFileHandle file, byte* name);
    }
}
