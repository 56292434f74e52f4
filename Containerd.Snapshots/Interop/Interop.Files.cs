using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    /// <summary>
    /// Calls on files by directory handle and name. Names are bytes, without the terminating zero and at most a path long; none holds a zero.
    /// Every handle is closed on exec; interrupted calls are repeated.
    /// </summary>
    internal static unsafe partial class Files
    {
        private const int SYS_openat2 = 437; // the same number on every architecture
        private const ulong RESOLVE_NO_MAGICLINKS = 0x02, RESOLVE_NO_SYMLINKS = 0x04, RESOLVE_IN_ROOT = 0x10; // linux/uapi/linux/openat2.h
        private const int EINTR = 4;
        private const int ConfinedLookupRetries = 32;

        public static FileResult OpenRoot(string path, out SafeFileHandle handle)
        {
            // Relative to nothing: an absolute path, or the /proc/self/fd link of a detached tree, whose magic link must be followed.
            fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
                return Open(AT_FDCWD, name, O_PATH | O_DIRECTORY, 0, out handle);
        }

        public static FileResult OpenPath(SafeFileHandle directory, ReadOnlySpan<byte> name, out SafeFileHandle handle) =>
            OpenAt(directory, name, O_PATH | O_NOFOLLOW, 0, out handle);

        public static FileResult OpenPathDirectory(SafeFileHandle directory, ReadOnlySpan<byte> name, out SafeFileHandle handle) =>
            OpenAt(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, out handle);

        public static FileResult OpenDirectory(SafeFileHandle directory, ReadOnlySpan<byte> name, out SafeFileHandle handle) =>
            OpenAt(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, out handle);

        // O_NONBLOCK: a fifo swapped in for the file must not hang the open.
        public static FileResult OpenForReading(SafeFileHandle directory, ReadOnlySpan<byte> name, out SafeFileHandle handle) =>
            OpenAt(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, out handle);

        /// <summary>
        /// Creates a file with so much of a mode as will hold whoever is going to own it: others get what all three classes have. The rest, and what the umask took, is to be
        /// set after the owner.
        /// </summary>
        public static FileResult CreateFile(SafeFileHandle directory, ReadOnlySpan<byte> name, int mode, out SafeFileHandle handle)
        {
            int owner = mode >> 6 & 7, common = owner & (mode >> 3) & mode;
            return OpenAt(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, (ushort)(owner << 6 | common << 3 | common), out handle);
        }

        /// <summary>Opens a directory by a path whose every link, absolute ones included, is resolved inside the root, or refused (Linux 5.6).</summary>
        public static FileResult OpenBeneath(SafeFileHandle root, ReadOnlySpan<byte> path, bool followLinks, out SafeFileHandle handle)
        {
            byte* terminated = stackalloc byte[path.Length + 1];
            Terminate(path, terminated);
            open_how how = new() { flags = (ulong)(uint)(O_PATH | O_DIRECTORY | O_CLOEXEC), resolve = RESOLVE_IN_ROOT | (followLinks ? RESOLVE_NO_MAGICLINKS : RESOLVE_NO_SYMLINKS) };
            using Lease lease = new(root);
            FileResult result = default;
            for (int attempt = 0; attempt < ConfinedLookupRetries; attempt++)
            {
                long fd = (ssize_t)syscall(SYS_openat2, lease.Fd, terminated, &how, (size_t)(ulong)sizeof(open_how));
                if (fd >= 0)
                {
                    handle = new SafeFileHandle((nint)fd, ownsHandle: true);
                    return FileResult.Success;
                }
                result = FileResult.OfLastCall;
                if (!result.Raced && Marshal.GetLastPInvokeError() != EINTR)
                    break;
            }
            handle = Invalid;
            return result;
        }

        public static FileResult Status(SafeFileHandle directory, ReadOnlySpan<byte> name, out FileStatus status)
        {
            byte* terminated = stackalloc byte[name.Length + 1];
            Terminate(name, terminated);
            using Lease lease = new(directory);
            return Status(lease.Fd, terminated, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, out status);
        }

        public static FileResult Status(SafeFileHandle file, out FileStatus status)
        {
            byte empty = 0;
            using Lease lease = new(file);
            return Status(lease.Fd, &empty, AT_EMPTY_PATH, out status);
        }

        public static FileResult MakeDirectory(SafeFileHandle directory, ReadOnlySpan<byte> name)
        {
            byte* terminated = stackalloc byte[name.Length + 1];
            Terminate(name, terminated);
            using Lease lease = new(directory);
            return Of(mkdirat(lease.Fd, terminated, (ushort)0x1C0 /* 0700 until the owner is set */));
        }

        public static FileResult MakeNode(SafeFileHandle directory, ReadOnlySpan<byte> name, int type, uint major, uint minor)
        {
            byte* terminated = stackalloc byte[name.Length + 1];
            Terminate(name, terminated);
            return Of(mknodat(directory, terminated, (uint)type | 0x180u, MakeDevice(major, minor)));
        }

        public static FileResult MakeSymbolicLink(ReadOnlySpan<byte> target, SafeFileHandle directory, ReadOnlySpan<byte> name)
        {
            byte* terminatedTarget = stackalloc byte[target.Length + 1];
            Terminate(target, terminatedTarget);
            byte* terminated = stackalloc byte[name.Length + 1];
            Terminate(name, terminated);
            using Lease lease = new(directory);
            return Of(symlinkat(terminatedTarget, lease.Fd, terminated));
        }

        /// <summary>Makes a hard link to the file that has the name itself, a symbolic link included.</summary>
        public static FileResult MakeLink(SafeFileHandle fromDirectory, ReadOnlySpan<byte> from, SafeFileHandle directory, ReadOnlySpan<byte> name)
        {
            byte* terminatedFrom = stackalloc byte[from.Length + 1];
            Terminate(from, terminatedFrom);
            byte* terminated = stackalloc byte[name.Length + 1];
            Terminate(name, terminated);
            using Lease fromLease = new(fromDirectory);
            using Lease lease = new(directory);
            return Of(linkat(fromLease.Fd, terminatedFrom, lease.Fd, terminated, 0));
        }

        public static FileResult Unlink(SafeFileHandle directory, ReadOnlySpan<byte> name) => Unlink(directory, name, 0);

        public static FileResult RemoveDirectory(SafeFileHandle directory, ReadOnlySpan<byte> name) => Unlink(directory, name, AT_REMOVEDIR);

        /// <summary>Reads a symbolic link's target; a target as long as the buffer counts as too long.</summary>
        public static FileResult ReadLink(SafeFileHandle directory, ReadOnlySpan<byte> name, Span<byte> target, out int length)
        {
            byte* terminated = stackalloc byte[name.Length + 1];
            Terminate(name, terminated);
            using Lease lease = new(directory);
            fixed (byte* buffer = target)
            {
                long read = readlinkat(lease.Fd, terminated, buffer, target.Length);
                length = (int)Math.Max(read, 0);
                return read < 0 ? FileResult.OfLastCall : read == target.Length ? new FileResult(36 /* ENAMETOOLONG */) : FileResult.Success;
            }
        }

        /// <summary>Where a file is now, as the kernel sees it: of use only to find it there again. A path as long as the buffer counts as too long.</summary>
        public static FileResult PathOf(SafeFileHandle file, Span<byte> path, out int length)
        {
            byte* link = stackalloc byte[LinkLength];
            using Lease lease = new(file);
            WriteLink(lease.Fd, link);
            fixed (byte* buffer = path)
            {
                long read = readlinkat(AT_FDCWD, link, buffer, path.Length);
                length = (int)Math.Max(read, 0);
                return read < 0 ? FileResult.OfLastCall : read == path.Length ? new FileResult(36 /* ENAMETOOLONG */) : FileResult.Success;
            }
        }

        public static FileResult Write(SafeFileHandle file, ReadOnlySpan<byte> data, long offset)
        {
            using Lease lease = new(file);
            fixed (byte* start = data)
            {
                int done = 0;
                while (done < data.Length)
                {
                    long written = pwrite(lease.Fd, start + done, data.Length - done, offset + done);
                    if (written >= 0)
                        done += (int)written;
                    else if (Marshal.GetLastPInvokeError() != EINTR)
                        return FileResult.OfLastCall;
                }
            }
            return FileResult.Success;
        }

        public static FileResult Read(SafeFileHandle file, Span<byte> data, long offset, out int length)
        {
            using Lease lease = new(file);
            fixed (byte* start = data)
            {
                long read;
                do
                    read = pread(lease.Fd, start, data.Length, offset);
                while (read < 0 && Marshal.GetLastPInvokeError() == EINTR);
                length = (int)Math.Max(read, 0);
                return read < 0 ? FileResult.OfLastCall : FileResult.Success;
            }
        }

        public static FileResult SetLength(SafeFileHandle file, long length)
        {
            using Lease lease = new(file);
            int result;
            do
                result = ftruncate(lease.Fd, length);
            while (result < 0 && Marshal.GetLastPInvokeError() == EINTR);
            return Of(result);
        }

        /// <summary>Sets the owner of the file that a handle is, be it only a path handle.</summary>
        public static FileResult SetOwner(SafeFileHandle file, uint uid, uint gid)
        {
            byte empty = 0;
            using Lease lease = new(file);
            return Of(fchownat(lease.Fd, &empty, uid, gid, AT_EMPTY_PATH));
        }

        /// <summary>Sets the owner of what has the name itself, never of a symbolic link's target.</summary>
        public static FileResult SetOwner(SafeFileHandle directory, ReadOnlySpan<byte> name, uint uid, uint gid)
        {
            byte* terminated = stackalloc byte[name.Length + 1];
            Terminate(name, terminated);
            using Lease lease = new(directory);
            return Of(fchownat(lease.Fd, terminated, uid, gid, AT_SYMLINK_NOFOLLOW));
        }

        public static FileResult SetPermissions(SafeFileHandle file, int permissions)
        {
            using Lease lease = new(file);
            return Of(fchmod(lease.Fd, (ushort)permissions));
        }

        /// <summary>Sets the mode of a file known by a path handle, which fchmod refuses: through the handle's own link in /proc, which nobody can swap.</summary>
        public static FileResult SetPermissionsOfPath(SafeFileHandle path, int permissions)
        {
            using Lease lease = new(path);
            byte* link = stackalloc byte[LinkLength];
            WriteLink(lease.Fd, link);
            return Of(chmod(link, (ushort)permissions));
        }

        public static FileResult SetTimes(SafeFileHandle file, FileTime access, FileTime modify)
        {
            timespec* times = stackalloc timespec[2];
            Fill(times, access, modify);
            using Lease lease = new(file);
            return Of(futimens(lease.Fd, times));
        }

        public static FileResult SetTimes(SafeFileHandle directory, ReadOnlySpan<byte> name, FileTime access, FileTime modify)
        {
            byte* terminated = stackalloc byte[name.Length + 1];
            Terminate(name, terminated);
            timespec* times = stackalloc timespec[2];
            Fill(times, access, modify);
            using Lease lease = new(directory);
            return Of(utimensat(lease.Fd, terminated, times, AT_SYMLINK_NOFOLLOW));
        }

        private static SafeFileHandle Invalid => new(-1, ownsHandle: false);

        private static FileResult Unlink(SafeFileHandle directory, ReadOnlySpan<byte> name, int flags)
        {
            byte* terminated = stackalloc byte[name.Length + 1];
            Terminate(name, terminated);
            using Lease lease = new(directory);
            return Of(unlinkat(lease.Fd, terminated, flags));
        }

        private static FileResult OpenAt(SafeFileHandle directory, ReadOnlySpan<byte> name, int flags, ushort mode, out SafeFileHandle handle)
        {
            byte* terminated = stackalloc byte[name.Length + 1];
            Terminate(name, terminated);
            using Lease lease = new(directory);
            return Open(lease.Fd, terminated, flags, mode, out handle);
        }

        private static FileResult Open(int directory, byte* name, int flags, ushort mode, out SafeFileHandle handle)
        {
            int fd;
            do
                fd = openat(directory, name, flags | O_CLOEXEC, mode);
            while (fd < 0 && Marshal.GetLastPInvokeError() == EINTR);
            FileResult result = Of(fd);
            handle = result.Ok ? new SafeFileHandle(fd, ownsHandle: true) : Invalid;
            return result;
        }

        private static FileResult Status(int directory, byte* name, int flags, out FileStatus status)
        {
            statx raw;
            if (statx(directory, name, flags, STATX_BASIC_STATS, &raw) < 0)
            {
                status = default;
                return FileResult.OfLastCall;
            }
            status = StatusOf(raw);
            return FileResult.Success;
        }

        private static FileStatus StatusOf(in statx raw) => new()
        {
            RawMode = raw.stx_mode,
            Uid = raw.stx_uid,
            Gid = raw.stx_gid,
            Inode = raw.stx_ino,
            Device = ((ulong)raw.stx_dev_major << 32) | raw.stx_dev_minor,
            DeviceMajor = raw.stx_rdev_major,
            DeviceMinor = raw.stx_rdev_minor,
            Size = (long)raw.stx_size,
            AccessTime = new FileTime(raw.stx_atime.tv_sec, (int)raw.stx_atime.tv_nsec),
            ModifyTime = new FileTime(raw.stx_mtime.tv_sec, (int)raw.stx_mtime.tv_nsec),
        };

        private static FileResult Of(int result) => result < 0 ? FileResult.OfLastCall : FileResult.Success;

        private static void Fill(timespec* times, FileTime access, FileTime modify)
        {
            times[0] = new timespec { tv_sec = access.Seconds, tv_nsec = access.Nanoseconds };
            times[1] = new timespec { tv_sec = modify.Seconds, tv_nsec = modify.Nanoseconds };
        }

        private static void Terminate(ReadOnlySpan<byte> name, byte* buffer)
        {
            name.CopyTo(new Span<byte>(buffer, name.Length));
            buffer[name.Length] = 0;
        }

        internal const int LinkLength = 32;

        internal static void WriteLink(int fd, byte* link)
        {
            Span<byte> text = new(link, LinkLength);
            "/proc/self/fd/"u8.CopyTo(text);
            System.Buffers.Text.Utf8Formatter.TryFormat(fd, text[14..^1], out int length);
            link[14 + length] = 0;
        }

        // glibc's encoding of device numbers, gnu_dev_makedev.
        private static ulong MakeDevice(uint major, uint minor) =>
            ((ulong)(major & 0xFFFFF000) << 32) | ((ulong)(major & 0xFFF) << 8) | ((ulong)(minor & 0xFFFFFF00) << 12) | (minor & 0xFF);

        // Tmds.LibC binds this call without keeping its error number.
        [LibraryImport("libc", SetLastError = true)]
        private static partial int mknodat(SafeFileHandle directory, byte* name, uint mode, ulong device);

        private struct open_how
        {
            public ulong flags;
            public ulong mode;
            public ulong resolve;
        }

        /// <summary>Keeps a handle open for the length of a call.</summary>
        internal readonly ref struct Lease
        {
            private readonly SafeFileHandle _handle;

            public Lease(SafeFileHandle handle)
            {
                bool added = false;
                handle.DangerousAddRef(ref added);
                _handle = handle;
                Fd = (int)handle.DangerousGetHandle();
            }

            public int Fd { get; }

            public void Dispose() => _handle.DangerousRelease();
        }
    }
}
