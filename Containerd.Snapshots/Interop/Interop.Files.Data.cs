using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    /// <summary>Calls that move the content of one file into another inside the kernel.</summary>
    internal static unsafe partial class Files
    {
        private const nuint FICLONE = 0x40049409; // linux/uapi/linux/fs.h, _IOW(0x94, 9, int)
        private const int SEEK_DATA = 3, SEEK_HOLE = 4; // linux/uapi/linux/fs.h
        private const int ENXIO = 6, EXDEV = 18, EINVAL = 22, ENOTTY = 25, ENOSYS = 38, EOPNOTSUPP = 95;

        /// <summary>Has a file share the whole content of another, copied only when one of them is written to.</summary>
        /// <param name="target">The file to fill, open for writing.</param>
        /// <param name="source">The file to share, open for reading.</param>
        /// <param name="never">Whether no file can be shared between these file systems, rather than not this one.</param>
        public static bool TryClone(SafeFileHandle target, SafeFileHandle source, out bool never)
        {
            using Lease from = new(source);
            using Lease to = new(target);
            int result;
            do
                result = ioctl(to.Fd, FICLONE, from.Fd);
            while (result < 0 && Marshal.GetLastPInvokeError() == EINTR);
            never = result < 0 && Marshal.GetLastPInvokeError() is EXDEV or ENOTTY or ENOSYS or EOPNOTSUPP;
            return result == 0;
        }

        /// <summary>Copies a range from one file to the same place in another; fewer bytes than asked for are no error, none is the end of the file.</summary>
        public static FileResult CopyRange(SafeFileHandle source, SafeFileHandle target, long offset, long length, out long copied)
        {
            using Lease from = new(source);
            using Lease to = new(target);
            nint result;
            do
            {
                long read = offset, write = offset;
                result = copy_file_range(from.Fd, &read, to.Fd, &write, (nuint)length, 0);
            }
            while (result < 0 && Marshal.GetLastPInvokeError() == EINTR);
            copied = Math.Max(result, 0);
            return result < 0 ? FileResult.OfLastCall : FileResult.Success;
        }

        /// <summary>Where the first data at or after an offset begins; the offset itself where the file system does not know. False where only a hole follows.</summary>
        public static bool SeekData(SafeFileHandle file, long offset, out long start)
        {
            using Lease lease = new(file);
            start = lseek(lease.Fd, offset, SEEK_DATA);
            if (start >= 0)
                return true;
            start = offset;
            return Marshal.GetLastPInvokeError() != ENXIO;
        }

        /// <summary>Where the data at an offset ends; the end of the file where the file system does not know.</summary>
        public static long SeekHole(SafeFileHandle file, long offset, long end)
        {
            using Lease lease = new(file);
            long hole = lseek(lease.Fd, offset, SEEK_HOLE);
            return hole > offset ? Math.Min(hole, end) : end;
        }

        [LibraryImport("libc", SetLastError = true)]
        private static partial int ioctl(int file, nuint request, nint argument);

        [LibraryImport("libc", SetLastError = true)]
        private static partial nint copy_file_range(int source, long* sourceOffset, int target, long* targetOffset, nuint length, uint flags);

        [LibraryImport("libc", SetLastError = true)]
        private static partial long lseek(int file, long offset, int whence);
    }
}
