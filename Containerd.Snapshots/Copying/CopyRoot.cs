using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Opens the two directories that the caller named: the only place where paths are resolved, links in them followed.</summary>
internal static class CopyRoot
{
    private const int NewMode = 0x1C0; // 0700 until the source's is set

    public static SafeFileHandle OpenSource(string path)
    {
        SafeFileHandle? opened = Sys.TryOpen(null, path, Sys.ReadDirectory | Sys.NoAccessTime, out int errno);
        if (errno == EPERM) // only the owner may ask for that
            opened = Sys.TryOpen(null, path, Sys.ReadDirectory, out errno);
        return opened ?? throw Failure("Opening the source", path, errno);
    }

    public static SafeFileHandle OpenDestination(string path)
    {
        SafeFileHandle? opened = Sys.TryOpen(null, path, Sys.ReadDirectory, out int errno);
        if (errno == ENOENT)
        {
            int made = Sys.MakeDirectory(null, path, NewMode);
            if (made is not (0 or EEXIST))
                throw Failure("Making the destination", path, made);
            opened = Sys.TryOpen(null, path, Sys.ReadDirectory, out errno);
        }
        return errno switch
        {
            0 => opened!,
            ENOTDIR => throw CopyFailure.InTheWay(path, isDirectory: false),
            _ => throw Failure("Opening the destination", path, errno),
        };
    }
}
