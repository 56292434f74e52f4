using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Containerd.Network;

internal static partial class Interop
{
    // linux/uapi/linux/mount.h; linux/fs.h for the unmount flags
    private const ulong MS_BIND = 0x1000;
    private const ulong MS_REC = 0x4000;
    private const ulong MS_SHARED = 0x100000;
    private const int MNT_DETACH = 2;

    /// <summary>Makes what is mounted on <paramref name="path"/> propagate; zero, or the error (EINVAL: it is no mount
    /// point).</summary>
    internal static int MakeShared(string path) => Mount("", path, MS_SHARED | MS_REC);

    /// <summary>Mounts the tree on itself, so that it becomes a mount point; zero, or the error.</summary>
    internal static int BindOnItself(string path) => Mount(path, path, MS_BIND | MS_REC);

    /// <summary>Mounts one open file over another; zero, or the error.</summary>
    internal static int Bind(SafeFileHandle source, SafeFileHandle target)
    {
        using var sourceLease = new HandleLease(source);
        using var targetLease = new HandleLease(target);
        return Mount(OwnPath(source), OwnPath(target), MS_BIND);
    }

    /// <summary>Takes the uppermost mount off the name; zero, or the error.</summary>
    internal static unsafe int Unmount(string path)
    {
        fixed (byte* target = ToPath(path))
            return LibC.umount2(target, MNT_DETACH | LibC.UMOUNT_NOFOLLOW) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    private static unsafe int Mount(string source, string target, ulong flags)
    {
        fixed (byte* from = ToPath(source))
        fixed (byte* to = ToPath(target))
        fixed (byte* type = "none\0"u8)
            return LibC.mount(from, to, type, (ulong_t)flags, null) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }
}
