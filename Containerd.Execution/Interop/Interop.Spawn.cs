using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Execution;

internal static unsafe partial class Interop
{
    // spawn.h; the same values in glibc and musl.
    private const short POSIX_SPAWN_SETPGROUP = 2, POSIX_SPAWN_SETSIGDEF = 4, POSIX_SPAWN_SETSIGMASK = 8;
    private const int O_RDONLY = 0, O_WRONLY = 1, F_DUPFD_CLOEXEC = 1030;

    // posix_spawnattr_t is 336 bytes and posix_spawn_file_actions_t 80 in both C libraries, sigset_t 128; none may ever be larger than this.
    private const int OpaqueWords = 128;

    [LibraryImport("libc")]
    private static partial int posix_spawn(int* pid, byte* path, void* actions, void* attributes, byte** argv, byte** envp);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_init(void* actions);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_destroy(void* actions);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_adddup2(void* actions, int fd, int newFd);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_addopen(void* actions, int fd, byte* path, int flags, uint mode);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_init(void* attributes);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_destroy(void* attributes);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setflags(void* attributes, short flags);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setsigdefault(void* attributes, void* signals);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setsigmask(void* attributes, void* signals);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setpgroup(void* attributes, int group);

    [LibraryImport("libc")]
    private static partial int sigfillset(void* signals);

    [LibraryImport("libc")]
    private static partial int sigemptyset(void* signals);

    /// <summary>Starts a program from the calling thread, whose namespaces it inherits, in a process group of its own.</summary>
    /// <remarks>
    /// All signals are at their defaults and unblocked in it. .NET ignores SIGPIPE, an ignored signal stays ignored across exec, and so a container would
    /// write into a closed pipe for ever. A group of its own keeps a terminal's Ctrl-C away from it.
    /// </remarks>
    /// <param name="program">Absolute path.</param>
    /// <param name="arguments">Arguments behind the program's name.</param>
    /// <param name="environment">All of its environment, as NAME=VALUE.</param>
    /// <param name="stdio">Its standard streams.</param>
    /// <returns>Its process ID. Nobody but the caller may reap it.</returns>
    public static int Spawn(string program, IReadOnlyList<string> arguments, IReadOnlyList<string> environment, RuntimeStdio stdio)
    {
        ulong* actions = stackalloc ulong[OpaqueWords], attributes = stackalloc ulong[OpaqueWords], signals = stackalloc ulong[OpaqueWords];
        byte** argv = Strings([program, .. arguments]);
        byte** envp = Strings(environment);
        Check(posix_spawn_file_actions_init(actions), program);
        Check(posix_spawnattr_init(attributes), program);
        using var input = new Redirection(actions, stdio.Input, 0);
        using var output = new Redirection(actions, stdio.Output, 1);
        using var error = new Redirection(actions, stdio.Error, 2);
        try
        {
            Check(sigfillset(signals), program);
            Check(posix_spawnattr_setsigdefault(attributes, signals), program);
            Check(sigemptyset(signals), program);
            Check(posix_spawnattr_setsigmask(attributes, signals), program);
            Check(posix_spawnattr_setpgroup(attributes, 0), program);
            Check(posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK), program);
            int pid;
            Check(posix_spawn(&pid, argv[0], actions, attributes, argv, envp), program);
            return pid;
        }
        finally
        {
            _ = posix_spawnattr_destroy(attributes);
            _ = posix_spawn_file_actions_destroy(actions);
            Free(argv);
            Free(envp);
        }
    }

    private static void Check(int error, string program)
    {
        if (error != 0)
            throw Error(error, "Starting", program);
    }

    private static byte** Strings(IReadOnlyList<string> strings)
    {
        byte** array = (byte**)NativeMemory.AllocZeroed((nuint)strings.Count + 1, (nuint)sizeof(byte*));
        for (int i = 0; i < strings.Count; i++)
            array[i] = (byte*)Marshal.StringToCoTaskMemUTF8(strings[i]);
        return array;
    }

    private static void Free(byte** strings)
    {
        for (byte** s = strings; *s != null; s++)
            Marshal.FreeCoTaskMem((nint)(*s));
        NativeMemory.Free(strings);
    }

    /// <summary>One standard stream of a process to be: keeps the descriptor valid until the process is there.</summary>
    private readonly ref struct Redirection
    {
        private readonly SafeFileHandle? _held;
        private readonly SafeFileHandle? _copy;

        public Redirection(void* actions, SafeFileHandle? handle, int target)
        {
            if (handle is null)
            {
                fixed (byte* path = "/dev/null\0"u8)
                    _ = posix_spawn_file_actions_addopen(actions, target, path, target == 0 ? O_RDONLY : O_WRONLY, 0);
                return;
            }
            bool taken = false;
            handle.DangerousAddRef(ref taken);
            _held = handle;
            int fd = (int)handle.DangerousGetHandle();
            if (fd < 3 && fd != target)
            {
                // The redirections are made one after the other: a source among 0..2 could be overwritten before its turn.
                fd = Tmds.Linux.LibC.fcntl(fd, F_DUPFD_CLOEXEC, 3);
                if (fd < 0)
                    throw Error(Tmds.Linux.LibC.errno, "Duplicating", "a standard stream");
                _copy = Own(fd);
            }
            _ = posix_spawn_file_actions_adddup2(actions, fd, target);
        }

        public void Dispose()
        {
            _copy?.Dispose();
            _held?.DangerousRelease();
        }
    }
}
