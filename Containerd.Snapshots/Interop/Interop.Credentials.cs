using System.Runtime.InteropServices;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    internal static partial class Sys
    {
        private const uint LinuxCapabilityVersion3 = 0x20080522; // linux/uapi/linux/capability.h
        private const int PR_GET_DUMPABLE = 3, PR_SET_DUMPABLE = 4; // linux/uapi/linux/prctl.h

        private static readonly Lock DumpableLock = new();

        /// <summary>
        /// Makes one system call as another user and group for access to files, with all capabilities the caller is permitted. The IDs are those of one thread,
        /// and changing them drops capabilities, so the call is made on a thread that has no other purpose. It has the caller's namespaces.
        /// </summary>
        /// <returns>The error of the call; EINVAL where the caller's user namespace has no such user or group.</returns>
        internal static int CallAs(uint userId, uint groupId, Func<int> call)
        {
            int errno = 0;
            Exception? failure = null;
            var thread = new Thread(() =>
            {
                try
                {
                    errno = SetFileIds(userId, groupId);
                    if (errno == 0)
                        errno = call();
                }
                catch (Exception e)
                {
                    failure = e; // rethrown by the caller
                }
            });
            thread.Start();
            thread.Join();
            if (failure is not null)
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
            return errno;
        }

        private static int SetFileIds(uint userId, uint groupId)
        {
            // It makes the whole process undumpable (no core dumps, /proc entries owned by root), though only this thread changed; what it was is restored.
            lock (DumpableLock)
            {
                int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
                int errno = SetFileIdsUndumpable(userId, groupId);
                if (dumpable == 1)
                    _ = prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
                return errno;
            }
        }

        private static unsafe int SetFileIdsUndumpable(uint userId, uint groupId)
        {
            _ = setfsgid(groupId);
            _ = setfsuid(userId);
            // Neither says whether it worked; asked for an ID that cannot be, each tells the present one.
            if ((uint)setfsgid(uint.MaxValue) != groupId || (uint)setfsuid(uint.MaxValue) != userId)
                return EINVAL;

            uint* header = stackalloc uint[2] { LinuxCapabilityVersion3, 0 };
            uint* sets = stackalloc uint[6]; // twice: effective, permitted, inheritable
            int errno = ErrorOf(capget(header, sets));
            if (errno != 0)
                return errno;
            sets[0] = sets[1];
            sets[3] = sets[4];
            return ErrorOf(capset(header, sets));
        }

        [LibraryImport("libc", SetLastError = true)]
        private static partial int setfsuid(uint id);

        [LibraryImport("libc", SetLastError = true)]
        private static partial int setfsgid(uint id);

        [LibraryImport("libc", SetLastError = true)]
        private static unsafe partial int capget(uint* header, uint* data);

        [LibraryImport("libc", SetLastError = true)]
        private static unsafe partial int capset(uint* header, uint* data);

        // Variadic in C, with all arguments passed as words.
        [LibraryImport("libc", SetLastError = true)]
        private static partial int prctl(int option, nint a, nint b, nint c, nint d);
    }
}
