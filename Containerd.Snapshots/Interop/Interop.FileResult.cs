using System.Runtime.InteropServices;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    /// <summary>How a file system call ended: nothing outside this folder needs to know an error number.</summary>
    internal readonly struct FileResult(int errno)
    {
        private const int EPERM = 1, ENOENT = 2, EIO = 5, E2BIG = 7, EBADF = 9, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EBUSY = 16, EEXIST = 17, EXDEV = 18,
            ENOTDIR = 20, EISDIR = 21, EINVAL = 22, ENFILE = 23, EMFILE = 24, EFBIG = 27, ENOSPC = 28, EROFS = 30, EMLINK = 31, ERANGE = 34,
            ENAMETOOLONG = 36, ENOSYS = 38, ENOTEMPTY = 39, ELOOP = 40, ENODATA = 61, EOPNOTSUPP = 95, EDQUOT = 122;

        public static FileResult Success => default;

        public static FileResult OfLastCall => new(Marshal.GetLastPInvokeError());

        public bool Ok => errno == 0;

        public bool Exists => errno == EEXIST;

        public bool Missing => errno == ENOENT;

        public bool NotDirectory => errno == ENOTDIR;

        public bool IsDirectory => errno == EISDIR;

        /// <summary>A link is on a path on which none may be, or too many are.</summary>
        public bool IsLink => errno == ELOOP;

        public bool NotEmpty => errno is ENOTEMPTY or EEXIST;

        public bool InvalidRequest => errno == EINVAL;

        public bool NotPermitted => errno == EPERM;

        public bool NoData => errno == ENODATA;

        public bool Unsupported => errno is EOPNOTSUPP or ENOSYS;

        /// <summary>The disk or a quota is full; of an extended attribute also that the file system keeps less of one file (ext4, btrfs).</summary>
        public bool NoSpace => errno is ENOSPC or EDQUOT;

        /// <summary>An extended attribute, its name or the list of them is longer than the kernel or the file system allows.</summary>
        public bool AttributeTooLong => errno is E2BIG or ERANGE;

        public bool CrossDevice => errno == EXDEV;

        /// <summary>The kernel could not tell whether a path stays beneath the root because something was renamed meanwhile.</summary>
        public bool Raced => errno == EAGAIN;

        /// <summary>The confined lookup is missing (ENOSYS) or a seccomp profile that predates it forbids it (EPERM).</summary>
        public bool ConfinedLookupUnavailable => errno is ENOSYS or EPERM or EINVAL;

        /// <summary>A confined lookup ended where a component-wise one may still get on: something missing, not a directory, a long chain of links or a path of the last length.</summary>
        public bool LookupStopped => errno is ENOENT or ENOTDIR or ELOOP or EXDEV or ENAMETOOLONG;

        public ContainerdException ToException(string operation, string subject) => ToException(Kind, $"Cannot {operation} '{subject}': {Marshal.GetPInvokeErrorMessage(errno)}{Advice}.", subject);

        /// <summary>The exception for what means more than the error does by itself.</summary>
        public ContainerdException ToException(ErrorKind kind, string message, string subject) => new(kind, message) { Subject = subject, Errno = errno };

        private ErrorKind Kind => errno switch
        {
            ENOENT => ErrorKind.NotFound,
            EEXIST => ErrorKind.AlreadyExists,
            EPERM or EACCES or EROFS => ErrorKind.PermissionDenied,
            EBUSY or EAGAIN or ENOTEMPTY => ErrorKind.Unavailable,
            ENOSPC or EDQUOT or EMFILE or ENFILE or ENOMEM or EMLINK or EFBIG or E2BIG => ErrorKind.ResourceExhausted,
            EOPNOTSUPP or ENOSYS => ErrorKind.NotSupported,
            EINVAL or ENOTDIR or EISDIR or ENAMETOOLONG or ELOOP or ERANGE or EXDEV => ErrorKind.InvalidArgument,
            EIO => ErrorKind.DataCorrupted,
            _ => ErrorKind.Unknown,
        };

        private string Advice => errno switch
        {
            EPERM or EACCES => " (root, or a user namespace that maps the owner, is needed)",
            ENOSPC or EDQUOT => " (free space on the file system)",
            EMFILE or ENFILE => " (raise the limit of open files)",
            E2BIG => " (more extended attributes than the kernel lists, 64 KiB of names, or than the file system keeps)",
            _ => "",
        };
    }
}
