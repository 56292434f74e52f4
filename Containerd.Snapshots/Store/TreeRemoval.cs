using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Deletes a tree that containers and images have filled: nothing outside it is ever reached.</summary>
/// <remarks>
/// Every directory is opened from its parent's handle, no link followed, no mount entered (the kernel refuses both), so that neither a link nor a mount that
/// was forgotten in the tree leads the deletion elsewhere. Depth costs no handles: what lies deep is moved up first. Any number of processes may delete the same tree at once.
/// </remarks>
internal static class TreeRemoval
{
    private const int MaxOpenDirectories = 64;

    // Of directories that were not empty any more when they were to go.
    private const int MaxRefilled = 1000;
    private const ulong Confined = Sys.RESOLVE_BENEATH | Sys.RESOLVE_NO_SYMLINKS | Sys.RESOLVE_NO_XDEV;

    /// <summary>Deletes the entry of a directory, with everything beneath it. One that is missing is no error.</summary>
    /// <param name="parent">The directory.</param>
    /// <param name="name">The entry.</param>
    /// <param name="subject">Its path, for messages.</param>
    /// <param name="cancellationToken">Stops between two directories; the rest stays.</param>
    /// <param name="entered">Given every directory beneath before anything in it is deleted; null for nobody.</param>
    /// <param name="protectedToo">Whether what is immutable or append-only in the tree goes as well, where this process may change that: of a container's tree, whose root may
    /// have protected files against everybody. A file that has other names is protected again, as they may be in use.</param>
    public static void Remove(
        SafeFileHandle parent, string name, string subject, CancellationToken cancellationToken, Action<SafeFileHandle>? entered = null, bool protectedToo = false) =>
        Remove(parent, Encoding.UTF8.GetBytes(name + "\0"), subject, cancellationToken, entered, protectedToo);

    /// <summary>Deletes an entry whose name is any bytes, with a NUL behind them.</summary>
    public static void Remove(
        SafeFileHandle parent, ReadOnlySpan<byte> terminatedName, string subject, CancellationToken cancellationToken, Action<SafeFileHandle>? entered = null,
        bool protectedToo = false)
    {
        using SafeFileHandle? top = Open(parent, terminatedName, subject);
        if (top is null)
        {
            TryDelete(parent, terminatedName, isDirectory: false, subject, protectedToo, isParentInTree: false);
            return;
        }
        var removal = new Removal(top, subject, entered, protectedToo, cancellationToken);
        do
        {
            while (removal.EmptyTop())
            {
            }
        }
        while (!removal.TryDeleteEmptied(parent, terminatedName, isParentInTree: false));
    }

    /// <summary>Deletes a file or an empty directory; one that is missing is no error. False where it is a directory, and was taken for a file or for empty.</summary>
    private static bool TryDelete(SafeFileHandle parent, ReadOnlySpan<byte> terminatedName, bool isDirectory, string subject, bool protectedToo, bool isParentInTree = true)
    {
        int errno = Sys.Unlink(parent, terminatedName, isDirectory);
        if (errno == EPERM && protectedToo)
            errno = UnlinkProtected(parent, terminatedName, isDirectory, isParentInTree);
        if (errno == EISDIR || (isDirectory && errno is ENOTEMPTY or EEXIST))
            return false;
        Check(errno, terminatedName, subject);
        return true;
    }

    // Immutable and append-only: chattr(1). A directory with them keeps its entries.
    private static int UnlinkProtected(SafeFileHandle parent, ReadOnlySpan<byte> terminatedName, bool isDirectory, bool isParentInTree)
    {
        bool isChanged = isParentInTree && Sys.ClearProtection(parent) != 0;
        using SafeFileHandle? entry = OpenProtected(parent, terminatedName);
        int cleared = entry is null ? 0 : Sys.ClearProtection(entry);
        if (!isChanged && cleared == 0)
            return EPERM;
        int errno = Sys.Unlink(parent, terminatedName, isDirectory);
        if (cleared != 0 && Sys.Status(entry, "", out EntryStatus status) == 0 && status.IsRegular && status.Links > 0)
            Sys.Protect(entry!, cleared);
        return errno;
    }

    // Never a device or a fifo, which opening would do something to.
    private static SafeFileHandle? OpenProtected(SafeFileHandle parent, ReadOnlySpan<byte> terminatedName) =>
        Sys.Status(parent, terminatedName, out EntryStatus status) == 0 && (status.IsRegular || status.IsDirectory)
            ? Sys.TryOpenConfined(parent, terminatedName, Tmds.Linux.LibC.O_RDONLY | Tmds.Linux.LibC.O_NONBLOCK | Tmds.Linux.LibC.O_NOFOLLOW, Confined, out _)
            : null;

    private static void Check(int errno, ReadOnlySpan<byte> terminatedName, string subject)
    {
        if (errno is not (0 or ENOENT))
            throw Refusal(errno, terminatedName, subject);
    }

    private static ContainerdException Refusal(int errno, ReadOnlySpan<byte> terminatedName, string subject)
    {
        string entry = Excerpt.Of(Encoding.UTF8.GetString(terminatedName[..^1]));
        return errno is EXDEV or EBUSY
            ? new ContainerdException(
                ErrorKind.FailedPrecondition,
                $"Removing '{Excerpt.Of(subject)}': something is mounted at '{entry}' in it. It was left alone; unmount it and clean up again.")
            { Subject = subject, Errno = errno }
            : Failure($"Removing '{entry}' from", subject, errno);
    }

    /// <summary>Null where the entry is missing or no directory.</summary>
    private static SafeFileHandle? Open(SafeFileHandle parent, ReadOnlySpan<byte> terminatedName, string subject)
    {
        SafeFileHandle? directory = Sys.TryOpenConfined(parent, terminatedName, Sys.ReadDirectoryOnly, Confined, out int errno);
        return errno switch
        {
            0 => directory,
            ENOENT or ENOTDIR or ELOOP => null,
            _ => throw Refusal(errno, terminatedName, subject),
        };
    }

    private sealed class Removal(SafeFileHandle top, string subject, Action<SafeFileHandle>? entered, bool protectedToo, CancellationToken cancellationToken)
    {
        private readonly Stack<Level> _levels = [];
        private int _moved;
        private int _refilled;

        private sealed record Level(SafeFileHandle Directory, byte[] Name, Queue<byte[]> Children);

        /// <summary>Deletes what the top directory has; true where something was moved meanwhile, and is there still.</summary>
        public bool EmptyTop()
        {
            int movedBefore = _moved, refilledBefore = _refilled;
            Check(Sys.Rewind(top), ".\0"u8, subject);
            foreach (byte[] child in Clear(top))
            {
                if (Enter(top, child))
                    Descend();
            }
            return _moved != movedBefore || _refilled != refilledBefore;
        }

        /// <summary>Deletes a directory that was emptied; false where another that deletes the tree too has moved something there since.</summary>
        public bool TryDeleteEmptied(SafeFileHandle parent, ReadOnlySpan<byte> terminatedName, bool isParentInTree = true)
        {
            // The directory that the tree lies in is none of it, and keeps what protection it has.
            if (TryDelete(parent, terminatedName, isDirectory: true, subject, protectedToo, isParentInTree))
                return true;
            return ++_refilled <= MaxRefilled ? false : throw Refusal(ENOTEMPTY, terminatedName, subject);
        }

        private void Descend()
        {
            try
            {
                while (_levels.TryPeek(out Level? level))
                {
                    if (level.Children.TryDequeue(out byte[]? child))
                    {
                        if (_levels.Count < MaxOpenDirectories || !TryMoveUp(level.Directory, child))
                            Enter(level.Directory, child);
                        continue;
                    }
                    _levels.Pop();
                    level.Directory.Dispose();
                    TryDeleteEmptied(_levels.TryPeek(out Level? above) ? above.Directory : top, level.Name);
                }
            }
            finally
            {
                foreach (Level level in _levels)
                    level.Directory.Dispose();
                _levels.Clear();
            }
        }

        private bool Enter(SafeFileHandle parent, byte[] name)
        {
            cancellationToken.ThrowIfCancellationRequested();
            SafeFileHandle? directory = Open(parent, name, subject);
            if (directory is null)
            {
                TryDelete(parent, name, isDirectory: false, subject, protectedToo);
                return false;
            }
            try
            {
                entered?.Invoke(directory);
                _levels.Push(new Level(directory, name, Clear(directory)));
                return true;
            }
            catch
            {
                directory.Dispose();
                throw;
            }
        }

        /// <summary>Deletes everything in a directory but its directories, which are returned.</summary>
        private Queue<byte[]> Clear(SafeFileHandle directory)
        {
            var directories = new Queue<byte[]>();
            DirectoryListing.Visit(directory, subject, (name, type) =>
            {
                if (type == DirectoryListing.DirectoryType)
                {
                    directories.Enqueue(name.ToArray());
                    return;
                }
                if (!TryDelete(directory, name, isDirectory: false, subject, protectedToo))
                    directories.Enqueue(name.ToArray());
            });
            return directories;
        }

        // False where it lies in another subvolume of btrfs than the top, which nothing is moved between.
        private bool TryMoveUp(SafeFileHandle parent, byte[] name)
        {
            while (true)
            {
                int errno = Sys.Rename(parent, name, top, string.Create(CultureInfo.InvariantCulture, $".deep-{++_moved}"));
                if (errno is EEXIST or ENOTEMPTY or ENOTDIR || (errno == EPERM && protectedToo && LetMove(parent, name)))
                    continue;
                if (errno == EXDEV)
                    return false;
                Check(errno, name, subject);
                return true;
            }
        }

        private bool LetMove(SafeFileHandle parent, byte[] name)
        {
            using SafeFileHandle? directory = OpenProtected(parent, name);
            return (Sys.ClearProtection(parent) | Sys.ClearProtection(top) | (directory is null ? 0 : Sys.ClearProtection(directory))) != 0;
        }
    }
}
