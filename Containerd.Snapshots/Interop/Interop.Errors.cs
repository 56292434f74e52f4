using System.ComponentModel;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    // linux/uapi/asm-generic/errno-base.h and errno.h; the same numbers on every architecture .NET runs on.
    internal const int EPERM = 1;
    internal const int ENOENT = 2;
    internal const int EINTR = 4;
    internal const int E2BIG = 7;
    internal const int EAGAIN = 11;
    internal const int ENOMEM = 12;
    internal const int EACCES = 13;
    internal const int ENOTBLK = 15;
    internal const int EBUSY = 16;
    internal const int EEXIST = 17;
    internal const int EXDEV = 18;
    internal const int ENODEV = 19;
    internal const int ENOTDIR = 20;
    internal const int EISDIR = 21;
    internal const int EINVAL = 22;
    internal const int ENFILE = 23;
    internal const int EMFILE = 24;
    internal const int ETXTBSY = 26;
    internal const int ENOSPC = 28;
    internal const int EROFS = 30;
    internal const int EMLINK = 31;
    internal const int ENAMETOOLONG = 36;
    internal const int ENOSYS = 38;
    internal const int ENOTEMPTY = 39;
    internal const int ELOOP = 40;
    internal const int EOPNOTSUPP = 95;
    internal const int EDQUOT = 122;

    /// <summary>The class of a failed system call.</summary>
    internal static ErrorKind KindOf(int errno) => errno switch
    {
        EPERM or EACCES or EROFS => ErrorKind.PermissionDenied,
        ENOENT => ErrorKind.NotFound,
        EEXIST => ErrorKind.AlreadyExists,
        EBUSY or ETXTBSY or EAGAIN or EINTR => ErrorKind.Unavailable,
        ENOSPC or EDQUOT or ENOMEM or EMFILE or ENFILE or EMLINK or E2BIG => ErrorKind.ResourceExhausted,
        EOPNOTSUPP or ENOSYS or ENODEV => ErrorKind.NotSupported,
        EINVAL or ELOOP or ENOTDIR or EISDIR or ENAMETOOLONG or EXDEV or ENOTBLK => ErrorKind.InvalidArgument,
        ENOTEMPTY => ErrorKind.FailedPrecondition,
        _ => ErrorKind.Unknown,
    };

    /// <summary>The C library's words for an error.</summary>
    internal static string Describe(int errno) => $"{new Win32Exception(errno).Message} (errno {errno})";

    /// <summary>The exception for a failed call: what was being done, to what.</summary>
    internal static ContainerdException Failure(string doing, string subject, int errno) =>
        new(KindOf(errno), $"{doing} '{Excerpt.Of(subject)}': {Describe(errno)}.") { Subject = subject, Errno = errno };
}
