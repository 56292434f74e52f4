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
        string path = RealPath(target);
        // Asked to unmount that, the kernel makes the file system read-only for everybody, and says that it has done it.
        if (path == "/")
            throw new ContainerdException(ErrorKind.InvalidArgument, $"Unmounting '{Excerpt.Of(target)}': it is the root directory of this process; nothing was done.") { Subject = target };
        int flags = Sys.UMOUNT_NOFOLLOW | (options.HasFlag(UnmountOptions.Lazy) ? Sys.MNT_DETACH : 0);
        var attempts = new Attempts(busyTimeout, timeProvider);
        if (options.HasFlag(UnmountOptions.Recursive))
            UnmountBeneath(path, flags, attempts);
        for (int round = 0; round < MaxRounds && UnmountOnce(path, flags, attempts); round++)
        {
        }
    }

    // From the leaves on. A mount that another one covers is not found by its path until that is gone; one that comes or goes meanwhile is as if it had
    // done so before or after.
    private static void UnmountBeneath(string path, int flags, Attempts attempts)
    {
        bool progress = true;
        for (int round = 0; round < MaxRounds && progress; round++)
        {
            progress = false;
            List<MountTableEntry> mounts = MountTable.Read().At(path);
            HashSet<int> parents = [.. mounts.Select(entry => entry.ParentId)];
            foreach (MountTableEntry leaf in mounts.Where(entry => !parents.Contains(entry.Id)))
                progress |= IsOnTop(leaf) && UnmountOnce(leaf.Path, flags, attempts);
        }
    }

    private static bool IsOnTop(MountTableEntry entry)
    {
        using SafeFileHandle? place = Sys.TryOpen(null, entry.Path, Sys.PathOnly | Tmds.Linux.LibC.O_NOFOLLOW, out _);
        return place is not null && MountTable.IdOf(place) == entry.Id;
    }

    /// <summary>Unmounts the topmost mount; false where there is none.</summary>
    private static bool UnmountOnce(string path, int flags, Attempts attempts)
    {
        while (true)
        {
            int errno = Sys.Unmount(path, flags);
            switch (errno)
            {
                case 0:
                    return true;
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

    // As the mount table has it: links on the way resolved, the last name as it is. By the kernel, for which what .. leads to depends on the links before it.
    private static string RealPath(string target)
    {
        string path = target.TrimEnd('/'), name = Path.GetFileName(path);
        bool isItself = name is "" or "." or "..";
        string above = isItself ? target : path[..^name.Length];
        using SafeFileHandle? directory = Sys.TryOpen(null, above.Length == 0 ? "." : above, Sys.PathOnly, out _);
        string real = directory is null ? Path.GetFullPath(above) : new FileInfo(Sys.PathOf(directory)).LinkTarget!;
        return isItself ? real : Path.Join(real, name);
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
