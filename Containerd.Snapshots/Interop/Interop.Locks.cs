using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    internal static partial class Sys
    {
        // linux/uapi/asm-generic/fcntl.h
        private const int LOCK_EX = 2;
        private const int LOCK_NB = 4;

        // linux/uapi/asm-generic/poll.h
        private const short POLLPRI = 2;

        /// <summary>Takes the exclusive lock of an open file without waiting. It ends with the handle, hence with the process.</summary>
        /// <returns>False where another open file holds it.</returns>
        internal static bool TryLock(SafeFileHandle file, string subject)
        {
            using var lease = new Lease(file);
            int errno;
            do
            {
                errno = ErrorOf(flock(lease.Descriptor, LOCK_EX | LOCK_NB));
            }
            while (errno == EINTR);
            return errno switch
            {
                0 => true,
                EAGAIN => false,
                _ => throw Failure("Locking", subject, errno),
            };
        }

        /// <summary>Waits until a file has urgent news (the mount table: it changed), or the time is over. Returns early on a signal.</summary>
        internal static unsafe void AwaitNews(SafeFileHandle? file, int milliseconds)
        {
            using var lease = new Lease(file);
            // A negative descriptor is ignored by poll: the call is then a wait.
            var entry = new PollEntry { Descriptor = lease.Descriptor, Events = POLLPRI };
            _ = poll(&entry, 1, milliseconds);
        }

        [LibraryImport("libc", SetLastError = true)]
        private static partial int flock(int fd, int operation);

        [LibraryImport("libc", SetLastError = true)]
        private static unsafe partial int poll(PollEntry* entries, nuint count, int timeout);

        private struct PollEntry
        {
            public int Descriptor;
            public short Events;
#pragma warning disable CS0649 // written by the kernel
            public short Returned;
#pragma warning restore CS0649
        }
    }
}
