using System.ComponentModel;

namespace Containerd.Network;

internal static partial class Interop
{
    // linux/uapi/asm-generic/errno-base.h and errno.h; the same numbers on every architecture .NET runs on.
    internal const int EPERM = 1;
    internal const int ENOENT = 2;
    internal const int ESRCH = 3;
    internal const int EINTR = 4;
    internal const int ENXIO = 6;
    internal const int E2BIG = 7;
    internal const int EAGAIN = 11;
    internal const int ENOMEM = 12;
    internal const int EACCES = 13;
    internal const int EBUSY = 16;
    internal const int EEXIST = 17;
    internal const int ENODEV = 19;
    internal const int ENOTDIR = 20;
    internal const int EISDIR = 21;
    internal const int EINVAL = 22;
    internal const int ENFILE = 23;
    internal const int EMFILE = 24;
    internal const int ENOSPC = 28;
    internal const int ERANGE = 34;
    internal const int ENAMETOOLONG = 36;
    internal const int ENOSYS = 38;
    internal const int ELOOP = 40;
    internal const int EMSGSIZE = 90;
    internal const int ENOPROTOOPT = 92;
    internal const int EPROTONOSUPPORT = 93;
    internal const int EOPNOTSUPP = 95;
    internal const int EAFNOSUPPORT = 97;
    internal const int EADDRNOTAVAIL = 99;
    internal const int ENETDOWN = 100;
    internal const int ENETUNREACH = 101;
    internal const int ENOBUFS = 105;
    internal const int ENOTCONN = 107;
    internal const int EHOSTUNREACH = 113;

    /// <summary>The class of a kernel error, for system calls and netlink alike.</summary>
    internal static ErrorKind KindOf(int errno) => errno switch
    {
        EPERM or EACCES => ErrorKind.PermissionDenied,
        ENOENT or ENODEV or ENXIO or ESRCH => ErrorKind.NotFound,
        EEXIST => ErrorKind.AlreadyExists,
        EBUSY or EAGAIN or EINTR or ENOBUFS => ErrorKind.Unavailable,
        ENOMEM or ENOSPC or EMFILE or ENFILE => ErrorKind.ResourceExhausted,
        EOPNOTSUPP or ENOSYS or EAFNOSUPPORT or EPROTONOSUPPORT or ENOPROTOOPT => ErrorKind.NotSupported,
        EINVAL or ERANGE or E2BIG or ENAMETOOLONG or ELOOP or ENOTDIR or EMSGSIZE or EADDRNOTAVAIL => ErrorKind.InvalidArgument,
        ENETDOWN or ENETUNREACH or ENOTCONN or EHOSTUNREACH => ErrorKind.FailedPrecondition,
        _ => ErrorKind.Unknown,
    };

    /// <summary>The kernel's words for an error, for example <c>No such device</c>.</summary>
    internal static string Describe(int errno) => new Win32Exception(errno).Message;

    internal static ContainerdException Failure(string doing, string subject, int errno)
    {
        ErrorKind kind = KindOf(errno);
        string advice = kind == ErrorKind.PermissionDenied
            ? " Network namespaces need CAP_SYS_ADMIN and links CAP_NET_ADMIN in the user namespace that owns them."
            : "";
        return new ContainerdException(kind, $"{doing} '{Excerpt.Of(subject)}' failed: {Describe(errno)} (errno {errno}).{advice}")
        {
            Subject = subject,
            Errno = errno,
        };
    }
}
