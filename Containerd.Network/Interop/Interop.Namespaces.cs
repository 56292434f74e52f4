using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Containerd.Network;

internal static partial class Interop
{
    private const int NETLINK_ROUTE = 0;

    // linux/uapi/linux/nsfs.h: _IO(0xb7, 3)
    private const int NS_GET_NSTYPE = 0xb703;

    private const int NamespaceThreadStackBytes = 128 * 1024;

    /// <summary>Whether an open nsfs file is a network namespace and not one of another type.</summary>
    internal static bool IsNetworkNamespace(SafeFileHandle file)
    {
        using var lease = new HandleLease(file);
        return LibC.ioctl(lease.Descriptor, NS_GET_NSTYPE) == LibC.CLONE_NEWNET;
    }

    /// <summary>Makes a network namespace and returns the only handle that keeps it alive. Blocks for the system
    /// calls.</summary>
    internal static SafeFileHandle CreateNetworkNamespace()
    {
        var work = new NamespaceWork();
        RunOnOwnThread(work, CreateOnOwnThread);
        return work.Errno == 0
            ? new SafeFileHandle(work.Result, ownsHandle: true)
            : throw Failure("Making a network namespace by", "unshare(CLONE_NEWNET)", work.Errno);
    }

    /// <summary>Opens an rtnetlink socket that belongs to a namespace for life; null is the namespace of the calling
    /// thread.</summary>
    internal static SafeSocketHandle OpenRouteSocket(SafeFileHandle? networkNamespace, string subject)
    {
        using var lease = new HandleLease(networkNamespace);
        var work = new NamespaceWork { Namespace = lease.Descriptor };
        if (networkNamespace is null)
            OpenSocket(work);
        else
            RunOnOwnThread(work, OpenSocketOnOwnThread);
        return work.Errno == 0
            ? new SafeSocketHandle(work.Result, ownsHandle: true)
            : throw Failure("Opening an rtnetlink socket in the network namespace", subject, work.Errno);
    }

    // A thread inherits the namespace of the thread that made it, and the runtime makes threads (pool, timers, tiered
    // compilation)
    // wherever it happens to need one. Hence: a thread that enters another namespace is our own, makes two system calls through
    // code that is never counted for recompilation, allocates nothing, completes no task, and ends.
    private static void RunOnOwnThread(NamespaceWork work, ParameterizedThreadStart body)
    {
        var thread = new Thread(body, NamespaceThreadStackBytes) { IsBackground = true };
        thread.UnsafeStart(work);
        thread.Join();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void CreateOnOwnThread(object? state)
    {
        NamespaceWork work = Unsafe.As<NamespaceWork>(state!);
        fixed (byte* path = "/proc/thread-self/ns/net\0"u8)
        {
            if (LibC.unshare(LibC.CLONE_NEWNET) < 0 || (work.Result = LibC.open(path, LibC.O_RDONLY | LibC.O_CLOEXEC, (mode_t)0)) < 0)
                work.Errno = Marshal.GetLastPInvokeError();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OpenSocketOnOwnThread(object? state)
    {
        NamespaceWork work = Unsafe.As<NamespaceWork>(state!);
        if (LibC.setns(work.Namespace, LibC.CLONE_NEWNET) < 0)
            work.Errno = Marshal.GetLastPInvokeError();
        else
            OpenSocket(work);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OpenSocket(NamespaceWork work)
    {
        work.Result = LibC.socket(LibC.AF_NETLINK, LibC.SOCK_RAW | LibC.SOCK_CLOEXEC, NETLINK_ROUTE);
        if (work.Result < 0)
            work.Errno = Marshal.GetLastPInvokeError();
    }

    private sealed class NamespaceWork
    {
        public int Namespace;
        public int Result;
        public int Errno;
    }
}
