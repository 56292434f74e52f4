using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Containerd.Execution;

internal static unsafe partial class Interop
{
    /// <summary>Creates an epoll instance.</summary>
    public static SafeFileHandle EpollCreate()
    {
        int fd = LibC.epoll_create1(LibC.EPOLL_CLOEXEC);
        return fd >= 0 ? Own(fd) : throw Error(LibC.errno, "Creating", "an epoll instance");
    }

    /// <summary>Watches a file.</summary>
    /// <param name="epoll">The instance.</param>
    /// <param name="target">The file; watched once at a time.</param>
    /// <param name="readable">Whether readable is enough; else only hung up.</param>
    /// <param name="token">What <see cref="EpollWait"/> gives back.</param>
    public static void EpollAdd(SafeFileHandle epoll, SafeFileHandle target, bool readable, long token)
    {
        using var lease = new Lease(epoll);
        using var targetLease = new Lease(target);
        epoll_event e = default;
        e.events = (readable ? LibC.EPOLLIN : 0) | LibC.EPOLLONESHOT;
        e.data.u64 = (ulong)token;
        if (LibC.epoll_ctl(lease.Fd, LibC.EPOLL_CTL_ADD, targetLease.Fd, &e) != 0)
            throw Error(LibC.errno, "Watching", "a process handle");
    }

    /// <summary>Ends a watch.</summary>
    public static void EpollRemove(SafeFileHandle epoll, SafeFileHandle target)
    {
        using var lease = new Lease(epoll);
        using var targetLease = new Lease(target);
        epoll_event e = default;
        if (LibC.epoll_ctl(lease.Fd, LibC.EPOLL_CTL_DEL, targetLease.Fd, &e) != 0)
            throw Error(LibC.errno, "Ending the watch of", "a process handle");
    }

    /// <summary>Waits for events.</summary>
    /// <returns>How many tokens were filled in.</returns>
    public static int EpollWait(SafeFileHandle epoll, Span<long> tokens)
    {
        using var lease = new Lease(epoll);
        const int capacity = 64;
        epoll_event* events = stackalloc epoll_event[capacity];
        int count;
        while ((count = LibC.epoll_wait(lease.Fd, events, Math.Min(capacity, tokens.Length), -1)) < 0)
        {
            if (LibC.errno != EINTR)
                throw Error(LibC.errno, "Waiting on", "an epoll instance");
        }
        for (int i = 0; i < count; i++)
            tokens[i] = (long)(ulong)events[i].data.u64;
        return count;
    }
}
