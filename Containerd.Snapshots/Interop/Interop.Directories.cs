using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    /// <summary>What statx says about an entry of a directory.</summary>
    internal readonly record struct EntryStatus(
        ulong Device, ulong Inode, uint Links, uint UserId, uint GroupId, ushort TypeAndMode, long Size, ulong Blocks, ulong RepresentedDevice,
        long ModifiedSeconds, uint ModifiedNanoseconds, long ChangedSeconds, uint ChangedNanoseconds, ulong MountId)
    {
        public bool IsDirectory => (TypeAndMode & 0xF000) == 0x4000;

        public bool IsRegular => (TypeAndMode & 0xF000) == 0x8000;

        /// <summary>A character device 0:0: what overlayfs keeps of something deleted.</summary>
        public bool IsWhiteout => (TypeAndMode & 0xF000) == 0x2000 && RepresentedDevice == 0;

        public int Permissions => TypeAndMode & 0xFFF;
    }

    internal static partial class Sys
    {
        // linux/uapi/linux/openat2.h
        internal const ulong RESOLVE_NO_XDEV = 0x01;
        internal const ulong RESOLVE_NO_SYMLINKS = 0x04;
        internal const ulong RESOLVE_BENEATH = 0x08;
        internal const ulong RESOLVE_IN_ROOT = 0x10;
        private const nint SYS_openat2 = 437;

        // openat2 gives up with EAGAIN when a rename anywhere may have raced its walk.
        private const int MaxRaces = 128;

        // linux/uapi/linux/stat.h
        private const uint STATX_BASIC_STATS = 0x7ff;
        private const uint STATX_MNT_ID = 0x1000;
        private const int AT_REMOVEDIR = 0x200;
        private const int AT_SYMLINK_NOFOLLOW = 0x100;

        internal static int PathOnly => LibC.O_PATH | LibC.O_CLOEXEC;

        internal static int ReadDirectoryOnly => LibC.O_RDONLY | LibC.O_DIRECTORY | LibC.O_CLOEXEC | LibC.O_NOFOLLOW;

        /// <summary>Opens a path, beneath a directory where it is relative and one is given.</summary>
        internal static unsafe SafeFileHandle? TryOpen(SafeFileHandle? directory, string path, int flags, out int errno)
        {
            using var lease = new Lease(directory);
            fixed (byte* name = Terminated(path))
            {
                int descriptor;
                do
                {
                    descriptor = LibC.openat(lease.Descriptor, name, flags | LibC.O_CLOEXEC, (mode_t)0x180);
                    errno = ErrorOf(descriptor);
                }
                while (errno == EINTR);
                return errno == 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : null;
            }
        }

        /// <summary>Opens a path beneath a directory with the confinement of openat2 (Linux 5.6).</summary>
        internal static unsafe SafeFileHandle? TryOpenConfined(SafeFileHandle directory, ReadOnlySpan<byte> terminatedPath, int flags, ulong resolve, out int errno)
        {
            using var lease = new Lease(directory);
            ulong* how = stackalloc ulong[3] { (ulong)(uint)(flags | LibC.O_CLOEXEC), 0, resolve }; // struct open_how
            fixed (byte* name = terminatedPath)
            {
                nint descriptor;
                int races = 0;
                do
                {
                    descriptor = syscall(SYS_openat2, lease.Descriptor, (nint)name, (nint)how, 3 * sizeof(ulong), 0);
                    errno = ErrorOf(descriptor);
                }
                while (errno == EINTR || (errno == EAGAIN && ++races < MaxRaces));
                return errno == 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : null;
            }
        }

        internal static SafeFileHandle? TryOpenConfined(SafeFileHandle directory, string path, int flags, ulong resolve, out int errno) =>
            TryOpenConfined(directory, Terminated(path), flags, resolve, out errno);

        /// <summary>Opens a path beneath a directory to read it, leaving no access time where that may be asked for: only the owner of a file may (open(2), O_NOATIME).</summary>
        /// <param name="directory">The directory.</param>
        /// <param name="terminatedPath">The path.</param>
        /// <param name="flags">How else to open it.</param>
        /// <param name="resolve">What the path may not do.</param>
        /// <param name="readFlags"><see cref="NoAccessTime"/> at first; nothing once it has been refused.</param>
        /// <param name="errno">The error.</param>
        internal static SafeFileHandle? TryOpenQuietly(
            SafeFileHandle directory, ReadOnlySpan<byte> terminatedPath, int flags, ulong resolve, ref int readFlags, out int errno)
        {
            int asked = readFlags; // others may be told meanwhile that it is refused
            SafeFileHandle? opened = TryOpenConfined(directory, terminatedPath, flags | asked, resolve, out errno);
            if (errno != EPERM || asked == 0)
                return opened;
            opened = TryOpenConfined(directory, terminatedPath, flags, resolve, out errno);
            if (errno == 0)
                readFlags = 0;
            return opened;
        }

        internal static unsafe int MakeDirectory(SafeFileHandle? directory, string name, int mode)
        {
            using var lease = new Lease(directory);
            fixed (byte* path = Terminated(name))
                return ErrorOf(LibC.mkdirat(lease.Descriptor, path, (mode_t)(uint)mode));
        }

        internal static unsafe int Unlink(SafeFileHandle? directory, ReadOnlySpan<byte> terminatedName, bool isDirectory)
        {
            using var lease = new Lease(directory);
            fixed (byte* path = terminatedName)
                return ErrorOf(LibC.unlinkat(lease.Descriptor, path, isDirectory ? AT_REMOVEDIR : 0));
        }

        internal static int Unlink(SafeFileHandle? directory, string name, bool isDirectory) => Unlink(directory, Terminated(name), isDirectory);

        internal static unsafe int Rename(SafeFileHandle from, ReadOnlySpan<byte> terminatedName, SafeFileHandle to, string newName)
        {
            using var fromLease = new Lease(from);
            using var toLease = new Lease(to);
            fixed (byte* oldPath = terminatedName)
            fixed (byte* newPath = Terminated(newName))
                return ErrorOf(renameat(fromLease.Descriptor, oldPath, toLease.Descriptor, newPath));
        }

        internal static int Rename(SafeFileHandle from, string name, SafeFileHandle to, string newName) => Rename(from, Terminated(name), to, newName);

        internal static unsafe int Link(SafeFileHandle from, string name, SafeFileHandle to, string newName)
        {
            using var fromLease = new Lease(from);
            using var toLease = new Lease(to);
            fixed (byte* oldPath = Terminated(name))
            fixed (byte* newPath = Terminated(newName))
                return ErrorOf(LibC.linkat(fromLease.Descriptor, oldPath, toLease.Descriptor, newPath, 0));
        }

        internal static unsafe int MakeSymbolicLink(string target, SafeFileHandle directory, string name)
        {
            using var lease = new Lease(directory);
            fixed (byte* content = Terminated(target))
            fixed (byte* path = Terminated(name))
                return ErrorOf(LibC.symlinkat(content, lease.Descriptor, path));
        }

        internal static int SetOwner(SafeFileHandle file, uint userId, uint groupId)
        {
            using var lease = new Lease(file);
            return ErrorOf(LibC.fchown(lease.Descriptor, (uid_t)userId, (gid_t)groupId));
        }

        /// <summary>Changes the owner of an entry of a directory, a symbolic link not followed.</summary>
        internal static unsafe int SetOwner(SafeFileHandle directory, string name, uint userId, uint groupId)
        {
            using var lease = new Lease(directory);
            fixed (byte* path = Terminated(name))
                return ErrorOf(LibC.fchownat(lease.Descriptor, path, (uid_t)userId, (gid_t)groupId, AT_SYMLINK_NOFOLLOW));
        }

        /// <summary>Changes the mode of an entry of a directory. A symbolic link is followed: the caller knows that it is none.</summary>
        internal static unsafe int SetMode(SafeFileHandle directory, string name, int mode)
        {
            using var lease = new Lease(directory);
            fixed (byte* path = Terminated(name))
                return ErrorOf(LibC.fchmodat(lease.Descriptor, path, (mode_t)(uint)mode, 0));
        }

        internal static int SetMode(SafeFileHandle file, int mode)
        {
            using var lease = new Lease(file);
            return ErrorOf(LibC.fchmod(lease.Descriptor, (mode_t)(uint)mode));
        }

        /// <summary>The status of a name in a directory, a symbolic link not followed; of the directory itself where the name is empty.</summary>
        internal static unsafe int Status(SafeFileHandle? directory, ReadOnlySpan<byte> terminatedName, out EntryStatus status)
        {
            using var lease = new Lease(directory);
            StatxBuffer buffer = default;
            fixed (byte* path = terminatedName)
            {
                int errno = ErrorOf(statx(
                    lease.Descriptor, path, AT_SYMLINK_NOFOLLOW | (int)AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &buffer));
                status = new EntryStatus(
                    ((ulong)buffer.DeviceMajor << 32) | buffer.DeviceMinor, buffer.Inode, buffer.Links, buffer.UserId, buffer.GroupId,
                    buffer.Mode, (long)buffer.Size, buffer.Blocks, ((ulong)buffer.RepresentedMajor << 32) | buffer.RepresentedMinor,
                    buffer.ModifiedSeconds, buffer.ModifiedNanoseconds, buffer.ChangedSeconds, buffer.ChangedNanoseconds, (buffer.Mask & STATX_MNT_ID) != 0 ? buffer.MountId : 0);
                return errno;
            }
        }

        internal static int Status(SafeFileHandle? directory, string name, out EntryStatus status) => Status(directory, Terminated(name), out status);

        /// <summary>Reads the next entries of a directory as the kernel lays them out; 0 bytes at the end.</summary>
        internal static unsafe int ReadEntries(SafeFileHandle directory, Span<byte> buffer, out int errno)
        {
            using var lease = new Lease(directory);
            fixed (byte* entries = buffer)
            {
                nint length = getdents64(lease.Descriptor, entries, (nuint)buffer.Length);
                errno = ErrorOf(length);
                return (int)length;
            }
        }

        /// <summary>Has the next reading of a directory begin at its start.</summary>
        internal static int Rewind(SafeFileHandle directory)
        {
            using var lease = new Lease(directory);
            return ErrorOf((long)LibC.lseek(lease.Descriptor, 0, LibC.SEEK_SET));
        }

        internal static uint EffectiveUserId => (uint)LibC.geteuid();

        [LibraryImport("libc", SetLastError = true)]
        private static unsafe partial int statx(int dirfd, byte* pathname, int flags, uint mask, StatxBuffer* buffer);

        [LibraryImport("libc", SetLastError = true)]
        private static unsafe partial int renameat(int olddirfd, byte* oldpath, int newdirfd, byte* newpath);

        [LibraryImport("libc", SetLastError = true)]
        private static unsafe partial nint getdents64(int fd, byte* buffer, nuint count);

        // linux/uapi/linux/stat.h struct statx: one layout on every architecture
        [StructLayout(LayoutKind.Explicit, Size = 256)]
        private struct StatxBuffer
        {
            [FieldOffset(0)] public uint Mask;
            [FieldOffset(16)] public uint Links;
            [FieldOffset(20)] public uint UserId;
            [FieldOffset(24)] public uint GroupId;
            [FieldOffset(28)] public ushort Mode;
            [FieldOffset(32)] public ulong Inode;
            [FieldOffset(40)] public ulong Size;
            [FieldOffset(48)] public ulong Blocks;
            [FieldOffset(96)] public long ChangedSeconds;
            [FieldOffset(104)] public uint ChangedNanoseconds;
            [FieldOffset(112)] public long ModifiedSeconds;
            [FieldOffset(120)] public uint ModifiedNanoseconds;
            [FieldOffset(128)] public uint RepresentedMajor;
            [FieldOffset(132)] public uint RepresentedMinor;
            [FieldOffset(136)] public uint DeviceMajor;
            [FieldOffset(140)] public uint DeviceMinor;
            [FieldOffset(144)] public ulong MountId;
        }
    }
}
