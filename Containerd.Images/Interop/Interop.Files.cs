using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Images;

/// <summary>The three calls about files that the BCL has not: opening a directory, to flush it, and asking who owns one.</summary>
internal static partial class Interop
{
    private const int AtFdCwd = -100;
    private const int AtSymlinkNoFollow = 0x100;
    private const uint StatxUid = 0x8;
    private const int EIntr = 4;

    /// <summary>Makes the names in a directory durable.</summary>
    /// <remarks>Windows has no such call and needs none: NTFS journals names in order.</remarks>
    public static void FlushDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        // fcntl.h: O_RDONLY is 0 everywhere. O_CLOEXEC has this value on every Linux architecture that .NET runs on.
        int closeOnExec = OperatingSystem.IsLinux() ? 0x80000 : OperatingSystem.IsMacOS() ? 0x1000000 : 0;
        int fd;
        while ((fd = Open(path, closeOnExec)) < 0 && Marshal.GetLastPInvokeError() == EIntr)
        {
        }
        if (fd < 0)
            throw new IOException($"Cannot open directory '{path}' to flush it: {Marshal.GetLastPInvokeErrorMessage()}.", Marshal.GetLastPInvokeError());
        using var directory = new SafeFileHandle(fd, ownsHandle: true);
        RandomAccess.FlushToDisk(directory);
    }

    /// <summary>The user who owns a file, not following a link.</summary>
    [SupportedOSPlatform("linux")]
    public static unsafe uint OwnerOf(string path)
    {
        // linux/stat.h: struct statx has 256 bytes, the same on every architecture; stx_uid is at byte 20.
        byte* status = stackalloc byte[256];
        if (Statx(AtFdCwd, path, AtSymlinkNoFollow, StatxUid, status) != 0)
            throw new IOException($"Cannot find the owner of '{path}': {Marshal.GetLastPInvokeErrorMessage()}.", Marshal.GetLastPInvokeError());
        return *(uint*)(status + 20);
    }

    [LibraryImport("libc", EntryPoint = "geteuid", SetLastError = true)]
    public static partial uint GetEffectiveUserId();

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Statx(int directory, string path, int flags, uint mask, byte* status);
}
