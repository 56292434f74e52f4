using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    internal static partial class Sys
    {
        /// <summary>Takes the exclusive lock of an open file, waiting for whoever holds it. For locks that are held for moments.</summary>
        internal static void AwaitLock(SafeFileHandle file, string subject)
        {
            using var lease = new Lease(file);
            int errno;
            do
            {
                errno = ErrorOf(flock(lease.Descriptor, LOCK_EX));
            }
            while (errno == EINTR);
            if (errno != 0)
                throw Failure("Locking", subject, errno);
        }
    }
}
