using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Execution.Tests;

internal static partial class TestInterop
{
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8, EntryPoint = "mount")]
    private static partial int MountCore(string source, string target, string? type, nuint flags, string? data);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8, EntryPoint = "umount2")]
    private static partial int UnmountCore(string target, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8, EntryPoint = "mkfifo")]
    private static partial int MakeFifoCore(string path, uint mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint syscall(nint number, nint directory, string path, nint flags);

    public static void Mount(string source, string target, string? type, nuint flags, string? data) =>
        Check(MountCore(source, target, type, flags, data), $"mount {source} on {target}");

    public static void Unmount(string target) => Check(UnmountCore(target, 2), $"umount {target}"); // MNT_DETACH

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8, EntryPoint = "chown")]
    private static partial int ChangeOwnerCore(string path, uint owner, uint group);

    public static void ChangeOwner(string path, uint owner) => Check(ChangeOwnerCore(path, owner, uint.MaxValue), $"chown {path}");

    public static void MakeFifo(string path) => Check(MakeFifoCore(path, 0x1B6), $"mkfifo {path}");

    public static SafeFileHandle OpenTree(string path)
    {
        nint fd = syscall(428, -100, path, 1 | 0x80000 | 0x8000); // OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE
        Check((int)fd, $"open_tree {path}");
        return new SafeFileHandle(fd, ownsHandle: true);
    }

    private static void Check(int result, string what)
    {
        if (result < 0)
            throw new IOException($"{what}: {Marshal.GetLastPInvokeErrorMessage()}");
    }
}
