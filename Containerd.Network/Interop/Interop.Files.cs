using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Containerd.Network;

internal static partial class Interop
{
    // linux/uapi/linux/magic.h
    internal const long NSFS_MAGIC = 0x6e736673;

    // linux/uapi/asm-generic/fcntl.h
    private const int LOCK_EX = 2;
    private const int LOCK_NB = 4;

    // linux/uapi/linux/stat.h
    private const uint STATX_INO = 0x100;
    private const uint STATX_SIZE = 0x200;
    private const uint STATX_TYPE = 0x1;

    internal enum FileOpening
    {
        /// <summary>A place in the tree; never blocks and has no side effect on what it names.</summary>
        Location,

        /// <summary>As <see cref="Location"/>, and a symbolic link at the end is itself the place.</summary>
        LocationNoFollow,

        /// <summary>A directory, for names beneath it.</summary>
        Directory,

        /// <summary>An existing file for reading.</summary>
        Read,

        /// <summary>A file that is made where it is missing; a symbolic link at the end is refused.</summary>
        CreateFile,
    }

    /// <summary>What statx says about an open file; the same layout on every architecture.</summary>
    internal readonly record struct FileStatus(ulong Device, ulong Inode, bool IsRegularFile, long Size);

    /// <summary>Opens <paramref name="path"/>, beneath <paramref name="directory"/> where it is relative. Returns null
    /// and the error where it fails.</summary>
    internal static unsafe SafeFileHandle? TryOpen(SafeFileHandle? directory, string path, FileOpening opening, out int errno)
    {
        int flags = LibC.O_CLOEXEC | opening switch
        {
            FileOpening.Location => LibC.O_PATH,
            FileOpening.LocationNoFollow => LibC.O_PATH | LibC.O_NOFOLLOW,
            FileOpening.Directory => LibC.O_RDONLY | LibC.O_DIRECTORY,
            FileOpening.Read => LibC.O_RDONLY,
            _ => LibC.O_RDONLY | LibC.O_CREAT | LibC.O_NOFOLLOW | LibC.O_NONBLOCK,
        };
        using var lease = new HandleLease(directory);
        fixed (byte* name = ToPath(path))
        {
            int fd;
            do
            {
                fd = LibC.openat(directory is null ? LibC.AT_FDCWD : lease.Descriptor, name, flags, (mode_t)0);
                errno = fd < 0 ? Marshal.GetLastPInvokeError() : 0;
            }
            while (errno == EINTR);
            return fd < 0 ? null : new SafeFileHandle(fd, ownsHandle: true);
        }
    }

    /// <summary>The magic number of the file system an open file lies on.</summary>
    internal static unsafe long FileSystemOf(SafeFileHandle file, string subject)
    {
        using var lease = new HandleLease(file);
        // struct statfs begins with f_type, a word, on every 64-bit architecture; 120 bytes there, with room to spare.
        long* status = stackalloc long[32];
        int errno;
        do
        {
            errno = fstatfs(lease.Descriptor, status) < 0 ? Marshal.GetLastPInvokeError() : 0;
        }
        while (errno == EINTR);
        return errno == 0 ? status[0] : throw Failure("Reading the file system type of", subject, errno);
    }

    internal static unsafe FileStatus StatusOf(SafeFileHandle file, string subject)
    {
        using var lease = new HandleLease(file);
        StatxBuffer buffer;
        byte empty = 0;
        return statx(lease.Descriptor, &empty, LibC.AT_EMPTY_PATH, STATX_TYPE | STATX_INO | STATX_SIZE, &buffer) == 0
            ? new FileStatus(
                ((ulong)buffer.DeviceMajor << 32) | buffer.DeviceMinor,
                buffer.Inode,
                (buffer.Mode & 0xF000) == 0x8000,
                (long)buffer.Size)
            : throw Failure("Reading the status of", subject, Marshal.GetLastPInvokeError());
    }

    /// <summary>Takes the exclusive lock on an open directory; false where somebody else holds it.</summary>
    internal static bool TryLock(SafeFileHandle directory, string subject)
    {
        using var lease = new HandleLease(directory);
        if (flock(lease.Descriptor, LOCK_EX | LOCK_NB) == 0)
            return true;
        int errno = Marshal.GetLastPInvokeError();
        return errno is EAGAIN or EINTR ? false : throw Failure("Locking", subject, errno);
    }

    /// <summary>Removes a name; zero, or the error.</summary>
    internal static unsafe int Unlink(SafeFileHandle directory, string name)
    {
        using var lease = new HandleLease(directory);
        fixed (byte* path = ToPath(name))
            return LibC.unlinkat(lease.Descriptor, path, 0) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>A path by which this process reaches what the handle has open.</summary>
    internal static string OwnPath(SafeFileHandle file)
    {
        using var lease = new HandleLease(file);
        return string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{lease.Descriptor}");
    }

    /// <summary>A path by which other processes of the same pid namespace reach what the handle has open.</summary>
    internal static string SharedPath(SafeFileHandle file)
    {
        using var lease = new HandleLease(file);
        return string.Create(CultureInfo.InvariantCulture, $"/proc/{Environment.ProcessId}/fd/{lease.Descriptor}");
    }

    private static byte[] ToPath(string path)
    {
        // A NUL would silently cut the path short in the kernel.
        if (path.Contains('\0', StringComparison.Ordinal))
            throw new ContainerdException(ErrorKind.InvalidArgument, $"The path '{Excerpt.Of(path)}' contains a NUL character.") { Subject = path };
        return Encoding.UTF8.GetBytes(path + "\0");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int fstatfs(int fd, long* buf);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int statx(int dirfd, byte* pathname, int flags, uint mask, StatxBuffer* statxbuf);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int flock(int fd, int operation);

    // linux/uapi/linux/stat.h, struct statx
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct StatxBuffer
    {
        [FieldOffset(28)] public ushort Mode;
        [FieldOffset(32)] public ulong Inode;
        [FieldOffset(40)] public ulong Size;
        [FieldOffset(136)] public uint DeviceMajor;
        [FieldOffset(140)] public uint DeviceMinor;
    }
}
