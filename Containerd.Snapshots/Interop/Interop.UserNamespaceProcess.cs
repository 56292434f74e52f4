using System.Runtime.InteropServices;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    /// <summary>A process that does nothing but be in a user namespace of its own, so that the namespace can be written and opened through /proc.</summary>
    /// <remarks>
    /// A thread of this process cannot unshare its user namespace, and managed code cannot run in a forked child. So the child is a clone that shares the
    /// memory (nothing is copied, however large the heap) and the descriptors (none is kept open behind our back), and that runs the C library's sleep on a
    /// stack of its own. All signals are blocked around the clone, and hence in the child for good: no handler of the runtime can run there, where it
    /// would find another thread's data. SIGKILL ends it; its sleep does where this process is killed before.
    /// </remarks>
    internal sealed unsafe partial class UserNamespaceProcess : IDisposable
    {
        // linux/uapi/linux/sched.h. No exit signal: the child is no business of SIGCHLD handlers and of waits that do not ask for clones.
        private const int CLONE_VM = 0x100, CLONE_FILES = 0x400, CLONE_NEWUSER = 0x10000000;

        // linux/uapi/linux/wait.h
        private const int P_PID = 1, WEXITED = 4, __WALL = 0x40000000;

        private const int SIG_SETMASK = 2, SIGKILL = 9;

        // Far longer than writing two files takes; as long as a descriptor may outlive a killed parent.
        private const nint SleepSeconds = 3;

        private const int StackBytes = 64 * 1024;
        private const int SignalSetBytes = 128; // sigset_t
        private const int SigInfoBytes = 128; // siginfo_t

        // The same library that the calls below are bound to.
        private static readonly nint Sleep = NativeLibrary.GetExport(NativeLibrary.Load("libc", typeof(Interop).Assembly, null), "sleep");

        private readonly int _id;
        private void* _stack;

        private UserNamespaceProcess(int id, void* stack)
        {
            _id = id;
            _stack = stack;
        }

        /// <summary>Its directory in /proc.</summary>
        public string Directory => $"/proc/{_id}";

        /// <summary>Starts the process; null and the error where the kernel refuses the namespace.</summary>
        public static UserNamespaceProcess? TryStart(out int errno)
        {
            nint sleep = Sleep;
            byte* stack = (byte*)NativeMemory.AlignedAlloc(StackBytes, 16);
            byte* all = stackalloc byte[SignalSetBytes];
            byte* before = stackalloc byte[SignalSetBytes];
            new Span<byte>(all, SignalSetBytes).Fill(0xFF);
            _ = pthread_sigmask(SIG_SETMASK, all, before);
            int id = clone(sleep, stack + StackBytes, CLONE_NEWUSER | CLONE_VM | CLONE_FILES, SleepSeconds);
            errno = id < 0 ? Marshal.GetLastPInvokeError() : 0;
            _ = pthread_sigmask(SIG_SETMASK, before, null);
            if (errno == 0)
                return new UserNamespaceProcess(id, stack);
            NativeMemory.AlignedFree(stack);
            return null;
        }

        /// <summary>Ends the process and waits until it is gone. The namespace lives on in the handles that were opened of it.</summary>
        public void Dispose()
        {
            if (_stack is null)
                return;
            // Not reaped yet, so the ID is still its own.
            _ = kill(_id, SIGKILL);
            byte* info = stackalloc byte[SigInfoBytes];
            while (waitid(P_PID, (uint)_id, info, WEXITED | __WALL) < 0 && Marshal.GetLastPInvokeError() == EINTR)
            {
            }
            NativeMemory.AlignedFree(_stack);
            _stack = null;
        }

        // Variadic in C; its further arguments are for flags that are not used, and calling conventions agree on the fixed ones.
        [LibraryImport("libc", SetLastError = true)]
        private static partial int clone(nint function, void* stack, int flags, nint argument);

        [LibraryImport("libc", SetLastError = true)]
        private static partial int pthread_sigmask(int how, byte* set, byte* old);

        [LibraryImport("libc", SetLastError = true)]
        private static partial int kill(int process, int signal);

        [LibraryImport("libc", SetLastError = true)]
        private static partial int waitid(int idType, uint id, byte* info, int options);
    }
}
