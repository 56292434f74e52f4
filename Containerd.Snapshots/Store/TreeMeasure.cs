using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>What a tree is found to be.</summary>
/// <param name="Usage">What it takes, as du(1) counts: blocks allocated, every inode once. Source: continuity fs/du_unix.go.</param>
/// <param name="HasDeletions">Whether it has whiteouts or opaque directories.</param>
/// <param name="Fingerprint">
/// A number made of the path, type, mode, owner, size, device and, but for directories, modification time of every entry. Another number tells that the tree is
/// not what it was: cut off by power loss, or written to by somebody. It is no protection against somebody who wants to forge it.
/// </param>
internal readonly record struct TreeMeasure(SnapshotUsage Usage, bool HasDeletions, long Fingerprint)
{
    private const int BlockSize = 512; // of st_blocks, whatever the file system's own is

    // A path has at most 4095 bytes, hence half as many names; a tree that is deeper was made by climbing down step by step.
    private const int MaxDepth = 2048;

    /// <summary>Measures a directory and everything beneath it. What vanishes meanwhile is not counted.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="overlay">How overlayfs marks files in it; null where it does not.</param>
    /// <param name="progress">Told the entries seen so far.</param>
    /// <param name="cancellationToken">Stops between two directories.</param>
    /// <param name="isCounted">Whether an entry belongs to the usage, told its path relative to <paramref name="path"/>; null for all.</param>
    public static TreeMeasure Take(
        string path, OverlayAttributes? overlay, IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken, CountRule? isCounted = null)
    {
        SafeFileHandle top = Sys.TryOpen(null, path, Sys.ReadDirectoryOnly, out int errno) ?? throw Failure("Measuring", path, errno);
        var walk = new Walk(path, overlay, progress, isCounted, cancellationToken);
        try
        {
            walk.Run(top);
        }
        finally
        {
            walk.Close();
        }
        return new TreeMeasure(new SnapshotUsage(walk.Inodes, walk.Bytes), walk.HasDeletions, walk.Fingerprint);
    }

    /// <summary>Whether an entry belongs to the usage of a tree.</summary>
    /// <param name="relativePath">Its path in the tree, without a NUL; empty for the root.</param>
    /// <param name="status">What it is.</param>
    public delegate bool CountRule(ReadOnlySpan<byte> relativePath, in EntryStatus status);

    private sealed class Walk(
        string path, OverlayAttributes? overlay, IProgress<SnapshotProgress>? progress, CountRule? isCounted, CancellationToken cancellationToken)
    {
        private const int ReportEvery = 4096;

        private readonly Stack<Level> _levels = [];
        private readonly HashSet<(ulong Device, ulong Inode)> _linked = [];
        private readonly List<byte> _path = [];

        // Of the directories that are still to be entered, each with its NUL, those of the innermost level last.
        private readonly List<byte> _names = [];
        private long _seen;

        // An open directory; its part of the names begins at Names.
        private readonly record struct Level(SafeFileHandle Directory, ulong Hash, int PathLength, int Names);

        public long Inodes { get; private set; }

        public long Bytes { get; private set; }

        public bool HasDeletions { get; private set; }

        public long Fingerprint { get; private set; }

        public void Run(SafeFileHandle top)
        {
            if (Sys.Status(top, "", out EntryStatus status) == 0)
                Count([], status, 0);
            // One delegate for all directories.
            DirectoryListing.Visitor see = See;
            Enter(top, 0, 0, see);
            while (_levels.TryPeek(out Level level))
            {
                if (_names.Count == level.Names)
                {
                    _levels.Pop().Directory.Dispose();
                    continue;
                }
                ReadOnlySpan<byte> names = CollectionsMarshal.AsSpan(_names)[level.Names..];
                ReadOnlySpan<byte> child = names[(names[..^1].LastIndexOf((byte)0) + 1)..];
                SafeFileHandle? directory = Sys.TryOpenConfined(
                    level.Directory, child, Sys.ReadDirectoryOnly, Sys.RESOLVE_BENEATH | Sys.RESOLVE_NO_SYMLINKS | Sys.RESOLVE_NO_XDEV, out int errno);
                ulong hash = Extend(level.Hash, child[..^1]);
                int pathLength = isCounted is null ? 0 : Append(level.PathLength, child[..^1]);
                _names.RemoveRange(_names.Count - child.Length, child.Length);
                if (directory is not null)
                    Enter(directory, hash, pathLength, see);
                else if (errno is not (ENOENT or ENOTDIR or ELOOP or EXDEV)) // replaced meanwhile, or a mount, which is not the tree's
                    throw Failure("Measuring", path, errno);
            }
            progress?.Report(new SnapshotProgress(SnapshotWork.Measuring, _seen, _seen));
        }

        public void Close()
        {
            foreach (Level level in _levels)
                level.Directory.Dispose();
        }

        private void Enter(SafeFileHandle directory, ulong hash, int pathLength, DirectoryListing.Visitor see)
        {
            _levels.Push(new Level(directory, hash, pathLength, _names.Count));
            cancellationToken.ThrowIfCancellationRequested();
            if (_levels.Count > MaxDepth)
                throw new ContainerdException(ErrorKind.ResourceExhausted, $"Measuring '{Excerpt.Of(path)}': its directories are nested deeper than {MaxDepth}.") { Subject = path };
            HasDeletions |= overlay?.IsOpaque(directory) ?? false;
            DirectoryListing.Visit(directory, path, see);
        }

        private void See(ReadOnlySpan<byte> name, byte type)
        {
            Level level = _levels.Peek();
            int errno = Sys.Status(level.Directory, name, out EntryStatus status);
            if (errno == ENOENT)
                return;
            if (errno != 0)
                throw Failure("Measuring", path, errno);
            // Paths are for the rule alone.
            if (isCounted is not null)
                Append(level.PathLength, name[..^1]);
            Count(CollectionsMarshal.AsSpan(_path), status, Extend(level.Hash, name[..^1]));
            if (status.IsDirectory)
                _names.AddRange(name);
        }

        private int Append(int length, ReadOnlySpan<byte> name)
        {
            _path.RemoveRange(length, _path.Count - length);
            if (length > 0)
                _path.Add((byte)'/');
            _path.AddRange(name);
            return _path.Count;
        }

        private void Count(ReadOnlySpan<byte> relativePath, in EntryStatus status, ulong pathHash)
        {
            if (++_seen % ReportEvery == 0)
                progress?.Report(new SnapshotProgress(SnapshotWork.Measuring, _seen, null));
            HasDeletions |= overlay is not null && status.IsWhiteout;
            // A sum, since directories list their entries in any order.
            Fingerprint += (long)Mix(pathHash, status);
            // Only what has several names can be met twice.
            if (!status.IsDirectory && status.Links > 1 && !_linked.Add((status.Device, status.Inode)))
                return;
            if (isCounted is not null && !isCounted(relativePath, status))
                return;
            Inodes++;
            Bytes += (long)status.Blocks * BlockSize;
        }

        // FNV-1a over the names of a path, each with a separator.
        private static ulong Extend(ulong hash, ReadOnlySpan<byte> name)
        {
            foreach (byte value in name)
                hash = (hash ^ value) * 0x100000001B3;
            return (hash ^ '/') * 0x100000001B3 + 0xCBF29CE484222325;
        }

        private static ulong Mix(ulong hash, in EntryStatus status)
        {
            hash = Scramble(hash ^ status.TypeAndMode);
            hash = Scramble(hash ^ ((ulong)status.UserId << 32 | status.GroupId));
            hash = Scramble(hash ^ status.RepresentedDevice);
            if (status.IsDirectory)
                return hash;
            hash = Scramble(hash ^ (ulong)status.Size);
            return Scramble(hash ^ (ulong)status.ModifiedSeconds ^ ((ulong)status.ModifiedNanoseconds << 34));
        }

        // The finalizer of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators).
        private static ulong Scramble(ulong value)
        {
            value += 0x9E3779B97F4A7C15;
            value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
            value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
            return value ^ (value >> 31);
        }
    }
}
