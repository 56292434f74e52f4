using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Execution;

internal static unsafe partial class Interop
{
    private const int P_PID = 1, P_PIDFD = 3, WNOHANG = 1, WEXITED = 4, CLD_EXITED = 1;

    // _IOWR(0xFF, 11, struct pidfd_info) with the first version's 64 bytes; include/uapi/linux/pidfd.h.
    private const int PIDFD_GET_INFO = unchecked((int)0xC040FF0B);
    private const ulong PIDFD_INFO_EXIT = 1 << 3;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int waitid(int idType, uint id, byte* info, int options);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int pid, int signal);

    /// <summary>A handle to a process that stays the same process's, whatever happens to the number.</summary>
    /// <returns>Null where there is no such process any more.</returns>
    public static SafeFileHandle? OpenProcess(int pid)
    {
        nint fd = syscall(SYS_pidfd_open, pid, 0, 0, 0);
        if (fd >= 0)
            return Own(fd);
        int errno = Marshal.GetLastPInvokeError();
        // EINVAL: the number is a thread's by now, so the process is gone.
        return errno is ESRCH or EINVAL ? null : throw Error(errno, "Opening process", $"{pid}");
    }

    /// <summary>Sends a signal.</summary>
    /// <returns>False where the process has ended.</returns>
    public static bool SendSignal(SafeFileHandle process, int signal)
    {
        using var lease = new Lease(process);
        if (syscall(SYS_pidfd_send_signal, lease.Fd, signal, 0, 0) == 0)
            return true;
        int errno = Marshal.GetLastPInvokeError();
        return errno == ESRCH ? false : throw Error(errno, "Signalling", $"process handle with signal {signal}");
    }

    /// <summary>Reaps an ended child.</summary>
    /// <param name="process">The process.</param>
    /// <param name="status">How it ended; null where it has not.</param>
    /// <returns>False where it is no child of this process, or somebody else has reaped it.</returns>
    public static bool TryReap(SafeFileHandle process, out WaitStatus? status)
    {
        using var lease = new Lease(process);
        ulong* aligned = stackalloc ulong[16];
        byte* info = (byte*)aligned;
        status = null;
        while (waitid(P_PIDFD, (uint)lease.Fd, info, WEXITED | WNOHANG) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            if (errno == ECHILD)
                return false;
            if (errno != EINTR)
                throw Error(errno, "Waiting for", "a child process");
        }
        // siginfo_t of 64-bit Linux: si_signo, si_errno, si_code, padding, si_pid, si_uid, si_status.
        if (*(int*)(info + 16) != 0)
            status = *(int*)(info + 8) == CLD_EXITED ? WaitStatus.Exited(*(int*)(info + 24)) : WaitStatus.Signalled(*(int*)(info + 24));
        return true;
    }

    /// <summary>Ends a child that has not been reaped, by its number, and reaps it. For want of a handle only.</summary>
    public static void KillAndReapChild(int pid)
    {
        ulong* info = stackalloc ulong[16];
        if (kill(pid, Signal.Kill.Number) != 0)
            return;
        while (waitid(P_PID, (uint)pid, (byte*)info, WEXITED) != 0 && Marshal.GetLastPInvokeError() == EINTR)
        {
        }
    }

    /// <summary>How an ended and reaped process ended, whoever's child it was.</summary>
    /// <returns>Null where the kernel does not tell: before Linux 6.15, or before the process is reaped.</returns>
    public static WaitStatus? ExitStatusOf(SafeFileHandle process)
    {
        using var lease = new Lease(process);
        ulong* aligned = stackalloc ulong[8];
        new Span<ulong>(aligned, 8).Clear();
        aligned[0] = PIDFD_INFO_EXIT;
        if (Tmds.Linux.LibC.ioctl(lease.Fd, PIDFD_GET_INFO, aligned) != 0 || (aligned[0] & PIDFD_INFO_EXIT) == 0)
            return null;
        return WaitStatus.Decode(*(int*)((byte*)aligned + 60));
    }
}
