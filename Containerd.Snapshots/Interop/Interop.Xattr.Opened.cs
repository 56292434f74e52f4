using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    /// <summary>The same for files that are really open, where no path is looked up, and for what only a path reaches.</summary>
    internal static unsafe partial class Xattr
    {
        /// <summary>Lists the names of an open file, not of a path handle, each followed by a zero.</summary>
        public static FileResult ListOpened(SafeFileHandle file, Span<byte> names, out int length)
        {
            using Files.Lease lease = new(file);
            fixed (byte* start = names)
            {
                nint read = flistxattr(lease.Fd, start, (nuint)names.Length);
                length = (int)Math.Max(read, 0);
                return read < 0 ? FileResult.OfLastCall : FileResult.Success;
            }
        }

        /// <summary>Removes an attribute; the handle may be a path handle.</summary>
        public static FileResult RemoveOfPath(SafeFileHandle file, ReadOnlySpan<byte> name)
        {
            byte* terminated = stackalloc byte[MaxNameLength + 1];
            byte* link = stackalloc byte[Files.LinkLength];
            Terminate(name, terminated);
            using Files.Lease lease = new(file);
            Files.WriteLink(lease.Fd, link);
            return removexattr(link, terminated) < 0 ? FileResult.OfLastCall : FileResult.Success;
        }

        [LibraryImport("libc", SetLastError = true)]
        private static partial nint flistxattr(int file, byte* list, nuint size);

        [LibraryImport("libc", SetLastError = true)]
        private static partial int removexattr(byte* path, byte* name);
    }
}
