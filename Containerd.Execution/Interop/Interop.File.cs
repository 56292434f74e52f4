using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Containerd.Execution;

internal static unsafe partial class Interop
{
    private const int AT_FDCWD = -100, AT_EMPTY_PATH = 0x1000;
    private const int O_RDWR = 2, O_CREAT = 0x40, O_NOCTTY = 0x100, O_APPEND = 0x400, O_NONBLOCK = 0x800, O_CLOEXEC = 0x80000, O_PATH = 0x200000;
    private const int LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4;
    private const uint STATX_TYPE = 1, STATX_MODE = 2, STATX_UID = 8, STATX_INO = 0x100, MFD_CLOEXEC = 1;
    private const int S_IFMT = 0xF000, S_IFREG = 0x8000;
    private const ulong RESOLVE_NO_MAGICLINKS = 0x02, RESOLVE_IN_ROOT = 0x10;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int statx(int directory, byte* path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int flock(int fd, int operation);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int memfd_create(byte* name, uint flags);

    [StructLayout(LayoutKind.Sequential)]
    private struct OpenHow
    {
        public ulong Flags, Mode, Resolve;
    }

    /// <summary>A file of memory, gone with its last handle.</summary>
    public static SafeFileHandle CreateMemoryFile(ReadOnlySpan<byte> name)
    {
        fixed (byte* p = name)
        {
            int fd = memfd_create(p, MFD_CLOEXEC);
            return fd >= 0 ? Own(fd) : throw Error(Marshal.GetLastPInvokeError(), "Creating", "a memory file");
        }
    }

    /// <summary>The path by which a process of the same user opens the file behind a handle anew, for as long as it is open.</summary>
    public static string PathOf(SafeFileHandle handle)
    {
        using var lease = new Lease(handle);
        return $"/proc/{Environment.ProcessId}/fd/{lease.Fd}";
    }

    /// <summary>Opens a regular file to read, with every link on the way resolved inside a root directory.</summary>
    /// <returns>Null where there is none.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.InvalidArgument"/>: it is no regular file.</exception>
    public static SafeFileHandle? OpenInRoot(string root, string path)
    {
        using SafeFileHandle directory = Open(root, O_PATH | O_CLOEXEC, 0);
        using var lease = new Lease(directory);
        // Non-blocking: opening a FIFO that an image planted must not wait for a writer.
        var how = new OpenHow
        {
            Flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
            Resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
        };
        fixed (byte* p = Utf8(path))
        {
            for (int attempt = 0; ; attempt++)
            {
                nint fd = syscall(SYS_openat2, lease.Fd, (nint)p, (nint)(&how), sizeof(OpenHow));
                if (fd >= 0)
                {
                    SafeFileHandle file = Own(fd);
                    if (IsRegularFile(file))
                        return file;
                    file.Dispose();
                    throw new ContainerdException(ErrorKind.InvalidArgument, $"'{path}' in the root file system is not a regular file.") { Subject = path };
                }
                int errno = Marshal.GetLastPInvokeError();
                if (errno is ENOENT or ENOTDIR)
                    return null;
                // The kernel gives EAGAIN where a rename anywhere raced with the walk; openat2(2) says to try again.
                if (errno is not (EAGAIN or EINTR) || attempt == 32)
                    throw Error(errno, "Opening in the root file system", path);
            }
        }
    }

    /// <summary>Opens a file whose every write goes to its end, making it where there is none (mode 0640).</summary>
    public static SafeFileHandle OpenAppend(string path) => Open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0x1A0);

    /// <summary>Opens a file to hold a lock on, making it where there is none (mode 0600).</summary>
    public static SafeFileHandle OpenLockFile(string path) => Open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0x180);

    private static SafeFileHandle Open(string path, int flags, uint mode)
    {
        fixed (byte* p = Utf8(path))
        {
            while (true)
            {
                int fd = LibC.open(p, flags, (mode_t)mode);
                if (fd >= 0)
                    return Own(fd);
                if (LibC.errno != EINTR)
                    throw Error(LibC.errno, "Opening", path);
            }
        }
    }

    /// <summary>Locks a file for this handle, until it is closed.</summary>
    /// <param name="file">The file.</param>
    /// <param name="exclusive">Whether for itself alone.</param>
    /// <param name="wait">Whether to wait for it.</param>
    /// <returns>False where another handle has it and <paramref name="wait"/> is false.</returns>
    public static bool Lock(SafeFileHandle file, bool exclusive, bool wait)
    {
        using var lease = new Lease(file);
        while (flock(lease.Fd, (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB)) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            if (errno == EAGAIN)
                return false;
            if (errno != EINTR)
                throw Error(errno, "Locking", "a file");
        }
        return true;
    }

    /// <summary>Whether a path leads to the very file that is open.</summary>
    public static bool IsSameFile(SafeFileHandle file, string path)
    {
        using var lease = new Lease(file);
        byte* open = stackalloc byte[256], named = stackalloc byte[256];
        fixed (byte* empty = "\0"u8)
        fixed (byte* p = Utf8(path))
        {
            if (statx(lease.Fd, empty, AT_EMPTY_PATH, STATX_INO, open) != 0 || statx(AT_FDCWD, p, 0, STATX_INO, named) != 0)
                return false;
        }
        // struct statx: stx_ino at 32, stx_dev_major and stx_dev_minor at 136.
        return *(ulong*)(open + 32) == *(ulong*)(named + 32) && *(ulong*)(open + 136) == *(ulong*)(named + 136);
    }

    /// <summary>Whose a file is, and what may be done to it. Links are followed.</summary>
    public static (uint Owner, UnixFileMode Mode) OwnerOf(string path)
    {
        byte* stat = stackalloc byte[256];
        fixed (byte* p = Utf8(path))
        {
            if (statx(AT_FDCWD, p, 0, STATX_MODE | STATX_UID, stat) != 0)
                throw Error(Marshal.GetLastPInvokeError(), "Looking at", path);
        }
        // struct statx: stx_uid at 20, stx_mode at 28.
        return (*(uint*)(stat + 20), (UnixFileMode)(*(ushort*)(stat + 28) & 0xFFF));
    }

    /// <summary>Whose rights this process has.</summary>
    public static uint EffectiveUser() => (uint)LibC.geteuid();

    private static bool IsRegularFile(SafeFileHandle file)
    {
        using var lease = new Lease(file);
        byte* stat = stackalloc byte[256];
        fixed (byte* empty = "\0"u8)
        {
            if (statx(lease.Fd, empty, AT_EMPTY_PATH, STATX_TYPE, stat) != 0)
                throw Error(Marshal.GetLastPInvokeError(), "Looking at", "a file of the root file system");
        }
        return (*(ushort*)(stat + 28) & S_IFMT) == S_IFREG;
    }

    /// <summary>Makes a pipe. Both ends are closed on exec.</summary>
    public static (SafeFileHandle Read, SafeFileHandle Write) CreatePipe()
    {
        int* fds = stackalloc int[2];
        if (LibC.pipe2(fds, O_CLOEXEC) != 0)
            throw Error(LibC.errno, "Creating", "a pipe");
        return (Own(fds[0]), Own(fds[1]));
    }

    /// <summary>Gives a file to another owner.</summary>
    public static void ChangeOwner(SafeFileHandle file, uint uid, uint gid)
    {
        using var lease = new Lease(file);
        if (LibC.fchown(lease.Fd, (uid_t)uid, (gid_t)gid) != 0)
            throw Error(LibC.errno, "Changing the owner of", "a standard stream");
    }

    /// <summary>This process's own standard stream. Disposing the handle does not close it.</summary>
    public static SafeFileHandle StandardStream(int number) => new(number, ownsHandle: false);
}
