using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Takes mounts out of the tree; deletes nothing.</summary>
internal static class Unmounting
{
    private const int RetryMilliseconds = 50;

    // More mounts than any stack on one directory has: a bound where another process mounts as fast as this one unmounts.
    private const int MaxRounds = 100_000;

    public static void Unmount(string target, UnmountOptions options, TimeSpan busyTimeout, TimeProvider timeProvider)
    {
        using UnmountPlace? place = UnmountPlace.Find(target);
        if (place is null)
            return;
        int flags = options.HasFlag(UnmountOptions.Lazy) ? Sys.MNT_DETACH : 0;
        var attempts = new Attempts(busyTimeout, timeProvider);
        if (options.HasFlag(UnmountOptions.Recursive))
            UnmountBeneath(place, flags, attempts);
        for (int round = 0; round < MaxRounds && UnmountOnce(place, null, flags, attempts); round++)
        {
        }
    }

    // From the leaves on. A mount that another one covers is not found by its path until that is gone; one that comes or goes meanwhile is as if it had
    // done so before or after.
    private static void UnmountBeneath(UnmountPlace target, int flags, Attempts attempts)
    {
        bool progress = true;
        for (int round = 0; round < MaxRounds && progress; round++)
        {
            progress = false;
            List<MountTableEntry> mounts = MountTable.Read().At(target.Path);
            HashSet<int> parents = [.. mounts.Select(entry => entry.ParentId)];
            foreach (MountTableEntry leaf in mounts.Where(entry => !parents.Contains(entry.Id)))
            {
                using UnmountPlace? place = UnmountPlace.Find(leaf.Path);
                progress |= place is not null && UnmountOnce(place, leaf.Id, flags, attempts);
            }
        }
    }

    /// <summary>Unmounts the topmost mount; false where there is none, or another one than was meant.</summary>
    private static bool UnmountOnce(UnmountPlace place, int? meant, int flags, Attempts attempts)
    {
        while (true)
        {
            if (meant is { } id && !place.Shows(id))
                return false;
            int errno = place.Unmount(flags);
            if (errno == 0)
                return true;
            string path = place.Path;
            switch (errno)
            {
                case EINVAL when UserNamespace.IsInside && MountTable.Read().Entries.Any(entry => entry.Path == path):
                    throw new ContainerdException(
                        ErrorKind.PermissionDenied,
                        $"Unmounting '{Excerpt.Of(path)}': it is locked: it came into this mount namespace from that of another user namespace, together with others.")
                    { Subject = path, Errno = errno };
                case EINVAL or ENOENT or ENOTDIR: // no mount point, or nothing there
                    return false;
                case EBUSY when attempts.WaitForNext():
                    continue;
                case EBUSY:
                    throw new ContainerdException(ErrorKind.Unavailable, $"Unmounting '{Excerpt.Of(path)}': it is still busy.{BusyHolders.Describe(path)}")
                    {
                        Subject = path,
                        Errno = errno,
                    };
                case EPERM:
                    string fuse = "";
                    if (FuseUnmounting.IsFuse(path))
                    {
                        if (FuseUnmounting.Unmount(path, (flags & Sys.MNT_DETACH) != 0) is not { } problem)
                            return true;
                        fuse = $" By the helper of FUSE: {problem}.";
                    }
                    throw new ContainerdException(
                        ErrorKind.PermissionDenied,
                        $"Unmounting '{Excerpt.Of(path)}': {Describe(errno)}.{fuse} It needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace.")
                    { Subject = path, Errno = errno };
                default:
                    throw Failure("Unmounting", path, errno);
            }
        }
    }

    private sealed class Attempts(TimeSpan timeout, TimeProvider timeProvider)
    {
        private readonly long _start = timeProvider.GetTimestamp();

        /// <summary>Waits until the mount table changes or a moment has passed; false when the time is over.</summary>
        public bool WaitForNext()
        {
            TimeSpan left = timeout - timeProvider.GetElapsedTime(_start);
            if (left <= TimeSpan.Zero)
                return false;
            // Who closes a file leaves no event to wait for; who unmounts does.
            using SafeFileHandle? table = Sys.TryOpen(null, MountTable.File, Tmds.Linux.LibC.O_RDONLY, out _);
            Sys.AwaitNews(table, Math.Min(RetryMilliseconds, (int)Math.Ceiling(left.TotalMilliseconds)));
            return true;
        }
    }
}
