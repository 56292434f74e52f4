using System.Diagnostics;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    internal static partial class Sys
    {
        private const int MaxLockPauseMilliseconds = 10;

        /// <summary>Takes the exclusive lock of an open file, waiting for whoever holds it. For locks that are held for moments.</summary>
        /// <returns>False where it was held all the time, as by a process that is stopped.</returns>
        internal static bool AwaitLock(SafeFileHandle file, string subject, TimeSpan timeout)
        {
            long start = Stopwatch.GetTimestamp();
            while (!TryLock(file, subject))
            {
                if (Stopwatch.GetElapsedTime(start) > timeout)
                    return false;
                AwaitNews(null, Random.Shared.Next(1, MaxLockPauseMilliseconds));
            }
            return true;
        }
    }
}
