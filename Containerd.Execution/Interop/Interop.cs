using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Execution;

/// <summary>Every system call of this package. Nothing outside sees a raw file descriptor, and an errno leaves only inside an exception.</summary>
[SuppressMessage("ApiDesign", "RS0030:Do not use banned APIs", Justification = "What LibraryImport generates is a DllImport of blittable types.")]
internal static unsafe partial class Interop
{
    private const int EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, ECHILD = 10, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EBUSY = 16, EEXIST = 17,
        ENOTDIR = 20, EISDIR = 21, EINVAL = 22, ENFILE = 23, EMFILE = 24, ETXTBSY = 26, ENOSPC = 28, EROFS = 30, ENAMETOOLONG = 36, ENOSYS = 38,
        ENOTEMPTY = 39, ELOOP = 40, EOPNOTSUPP = 95, EDQUOT = 122;

    // Same numbers on every architecture: they were added after the tables were unified (include/uapi/asm-generic/unistd.h).
    private const nint SYS_pidfd_send_signal = 424, SYS_pidfd_open = 434, SYS_openat2 = 437;

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint a, nint b, nint c, nint d);

    /// <summary>The exception for a system call that failed.</summary>
    /// <param name="errno">Its error number.</param>
    /// <param name="doing">What was being done, as the start of a sentence.</param>
    /// <param name="subject">To what.</param>
    public static ContainerdException Error(int errno, string doing, string subject) =>
        new(KindOf(errno), $"{doing} '{Excerpt.OfMessage(subject)}' failed: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno}).")
        {
            Subject = subject,
            Errno = errno,
        };

    /// <summary>What kind of error an error number is.</summary>
    public static ErrorKind KindOf(int errno) => errno switch
    {
        ENOENT or ENOTDIR or ESRCH => ErrorKind.NotFound,
        EEXIST => ErrorKind.AlreadyExists,
        EPERM or EACCES or EROFS => ErrorKind.PermissionDenied,
        EBUSY or ETXTBSY or EAGAIN => ErrorKind.Unavailable,
        ENOSPC or EDQUOT or ENOMEM or EMFILE or ENFILE => ErrorKind.ResourceExhausted,
        EINVAL or ENAMETOOLONG or ELOOP or EISDIR => ErrorKind.InvalidArgument,
        ENOSYS or EOPNOTSUPP => ErrorKind.NotSupported,
        ENOTEMPTY => ErrorKind.FailedPrecondition,
        _ => ErrorKind.Unknown,
    };

    private static byte[] Utf8(string text)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(text) + 1];
        Encoding.UTF8.GetBytes(text, bytes);
        return bytes;
    }

    /// <summary>Lends a handle's descriptor for the time of a call.</summary>
    private readonly ref struct Lease
    {
        private readonly SafeHandle _handle;

        public Lease(SafeHandle handle)
        {
            bool taken = false;
            handle.DangerousAddRef(ref taken);
            _handle = handle;
            Fd = (int)handle.DangerousGetHandle();
        }

        public int Fd { get; }

        public void Dispose() => _handle.DangerousRelease();
    }

    private static SafeFileHandle Own(nint fd) => new(fd, ownsHandle: true);
}
