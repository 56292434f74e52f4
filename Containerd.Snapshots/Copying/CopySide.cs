using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>One of the two trees of a copy: how things in it are opened, and what is said when they are not what they were.</summary>
/// <remarks>
/// Everything is opened from a directory's handle by openat2 (Linux 5.6): no link followed, no mount entered, whoever swaps what meanwhile.
/// </remarks>
internal sealed class CopySide(SafeFileHandle root, string path, bool isSource)
{
    private const ulong Confined = Sys.RESOLVE_BENEATH | Sys.RESOLVE_NO_SYMLINKS | Sys.RESOLVE_NO_XDEV;

    // Reading shall leave no trace in the source; only the owner of a file may ask for that. A thread that sees the refusal late asks in vain once more.
    private int _readFlags = isSource ? Sys.NoAccessTime : 0;

    /// <summary>The root, open for as long as the copy runs.</summary>
    public SafeFileHandle Root => root;

    public bool IsSource => isSource;

    /// <summary>How many directories of this side may be kept open while what is beneath them is copied.</summary>
    public HandleBudget Budget { get; } = new();

    /// <summary>Opens a directory by a path of names from another, to read it.</summary>
    public SafeFileHandle? TryOpenDirectory(SafeFileHandle from, ReadOnlySpan<byte> terminatedPath, out int errno) =>
        TryRead(from, terminatedPath, Sys.ReadDirectoryOnly, out errno);

    /// <summary>Opens a directory on the way to another.</summary>
    public static SafeFileHandle? TryPassDirectory(SafeFileHandle from, ReadOnlySpan<byte> terminatedPath, out int errno) =>
        Sys.TryOpenConfined(from, terminatedPath, Sys.PathOnly | Sys.ReadDirectoryOnly, Confined, out errno);

    /// <summary>Opens a regular file to read it. What is there may be something else by now, which must not hang the call.</summary>
    public SafeFileHandle? TryOpenFile(SafeFileHandle directory, ReadOnlySpan<byte> terminatedName, out int errno) =>
        TryRead(directory, terminatedName, Sys.ReadFileOnly, out errno);

    /// <summary>Opens anything without reading it; of a symbolic link the link itself.</summary>
    public static SafeFileHandle? TryOpenPath(SafeFileHandle directory, ReadOnlySpan<byte> terminatedName, out int errno) =>
        Sys.TryOpenConfined(directory, terminatedName, Sys.PathOnly | Sys.DoNotFollow, Confined, out errno);

    /// <summary>The path of a directory, or of an entry in it, for messages.</summary>
    public string PathOf(DirectoryRef? directory, ReadOnlySpan<byte> terminatedName = default) => CopyFailure.PathOf(path, directory, terminatedName);

    /// <summary>The exception for something that could not be opened.</summary>
    public ContainerdException OpenFailure(int errno, DirectoryRef? directory, ReadOnlySpan<byte> terminatedName = default)
    {
        string subject = PathOf(directory, terminatedName);
        return errno switch
        {
            ENOENT or ENOTDIR or ELOOP => CopyFailure.Changed(subject, isSource, errno),
            EXDEV => CopyFailure.Mounted(subject, isSource),
            _ => new FileResult(errno).ToException("open", subject),
        };
    }

    /// <summary>Throws where a call on something of this side failed.</summary>
    public void Check(FileResult result, string operation, DirectoryRef? directory, ReadOnlySpan<byte> terminatedName = default)
    {
        if (!result.Ok)
            throw result.Missing ? CopyFailure.Changed(PathOf(directory, terminatedName), isSource, ENOENT) : result.ToException(operation, PathOf(directory, terminatedName));
    }

    private SafeFileHandle? TryRead(SafeFileHandle from, ReadOnlySpan<byte> terminatedPath, int flags, out int errno) =>
        Sys.TryOpenQuietly(from, terminatedPath, flags, Confined, ref _readFlags, out errno);
}
