using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Measures a tree as du(1) does: blocks allocated, every inode once. Source: continuity fs/du_unix.go.</summary>
internal static class TreeUsage
{
    private const int BlockSize = 512; // of st_blocks, whatever the file system's own is

    // A path has at most 4095 bytes, hence half as many names; a tree that is deeper was made by climbing down step by step.
    private const int MaxDepth = 2048;

    /// <summary>Measures a directory and everything beneath it. What vanishes meanwhile is not counted.</summary>
    public static SnapshotUsage Measure(string path, CancellationToken cancellationToken)
    {
        SafeFileHandle top = Sys.TryOpen(null, path, Sys.ReadDirectoryOnly, out int errno) ?? throw Failure("Measuring", path, errno);
        var measure = new Measurement(path, cancellationToken);
        try
        {
            measure.Run(top);
        }
        finally
        {
            measure.Close();
        }
        return new SnapshotUsage(measure.Inodes, measure.Bytes);
    }

    private sealed class Measurement(string path, CancellationToken cancellationToken)
    {
        private readonly Stack<(SafeFileHandle Directory, Queue<byte[]> Children)> _levels = [];
        private readonly HashSet<(ulong Device, ulong Inode)> _linked = [];

        public long Inodes { get; private set; }

        public long Bytes { get; private set; }

        public void Run(SafeFileHandle top)
        {
            if (Sys.Status(top, "", out EntryStatus status) == 0)
                Count(status);
            Enter(top);
            while (_levels.TryPeek(out (SafeFileHandle Directory, Queue<byte[]> Children) level))
            {
                if (!level.Children.TryDequeue(out byte[]? child))
                {
                    _levels.Pop().Directory.Dispose();
                    continue;
                }
                SafeFileHandle? directory = Sys.TryOpenConfined(
                    level.Directory, child, Sys.ReadDirectoryOnly, Sys.RESOLVE_BENEATH | Sys.RESOLVE_NO_SYMLINKS | Sys.RESOLVE_NO_XDEV, out int errno);
                if (directory is not null)
                    Enter(directory);
                else if (errno is not (ENOENT or ENOTDIR or ELOOP or EXDEV)) // replaced meanwhile, or a mount, which is not the tree's
                    throw Failure("Measuring", path, errno);
            }
        }

        public void Close()
        {
            foreach ((SafeFileHandle directory, _) in _levels)
                directory.Dispose();
        }

        private void Enter(SafeFileHandle directory)
        {
            var children = new Queue<byte[]>();
            _levels.Push((directory, children));
            cancellationToken.ThrowIfCancellationRequested();
            if (_levels.Count > MaxDepth)
                throw new ContainerdException(ErrorKind.ResourceExhausted, $"Measuring '{Excerpt.Of(path)}': its directories are nested deeper than {MaxDepth}.") { Subject = path };
            DirectoryListing.Visit(directory, path, (name, _) =>
            {
                int errno = Sys.Status(directory, name, out EntryStatus status);
                if (errno == ENOENT)
                    return;
                if (errno != 0)
                    throw Failure("Measuring", path, errno);
                Count(status);
                if (status.IsDirectory)
                    children.Enqueue(name.ToArray());
            });
        }

        private void Count(EntryStatus status)
        {
            // Only what has several names can be met twice.
            if (!status.IsDirectory && status.Links > 1 && !_linked.Add((status.Device, status.Inode)))
                return;
            Inodes++;
            Bytes += (long)status.Blocks * BlockSize;
        }
    }
}
