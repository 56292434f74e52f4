using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>One of two trees that are compared: how things in it are opened, so that nobody who swaps them meanwhile gets anything else into the layer.</summary>
/// <remarks>Everything is opened from a directory's handle by openat2 (Linux 5.6), no link followed; reading leaves no access times where that may be asked for.</remarks>
internal sealed class ComparedTree
{
    private const ulong Beneath = Sys.RESOLVE_BENEATH | Sys.RESOLVE_NO_SYMLINKS;

    private readonly ulong _resolve;
    private int _readFlags = Sys.NoAccessTime; // only the owner of a file may ask for that

    private ComparedTree(OverlayAttributes? marks, ReadOnlyView? view, bool isMounted)
    {
        Marks = marks;
        View = view;
        _resolve = isMounted ? Beneath : Beneath | Sys.RESOLVE_NO_XDEV;
    }

    /// <summary>How overlayfs marks files, where these are the directories of an overlay that is not mounted; null where files are what they seem.</summary>
    public OverlayAttributes? Marks { get; }

    /// <summary>The tree as the kernel shows it, where <see cref="Marks"/> lead elsewhere.</summary>
    public ReadOnlyView? View { get; }

    /// <summary>A tree that is what its directory holds. Mounts beneath are no part of it.</summary>
    public static ComparedTree Plain() => new(null, null, isMounted: false);

    /// <summary>A tree that was mounted for the comparison.</summary>
    public static ComparedTree Mounted() => new(null, null, isMounted: true);

    /// <summary>Directories of an overlay.</summary>
    public static ComparedTree Layers(OverlayAttributes marks, ReadOnlyView view) => new(marks, view, isMounted: false);

    public static EntryStatus StatusOf(SafeFileHandle directory, ReadOnlySpan<byte> terminatedName, TreePath path) =>
        TryGetStatus(directory, terminatedName, path, out EntryStatus status) ? status : throw DiffFailure.Changed(path.Span, ENOENT);

    public static bool TryGetStatus(SafeFileHandle directory, ReadOnlySpan<byte> terminatedName, TreePath path, out EntryStatus status)
    {
        int errno = Sys.Status(directory, terminatedName, out status);
        return errno switch
        {
            0 => true,
            ENOENT => false,
            _ => throw DiffFailure.OfCall("look at", path.Span, errno),
        };
    }

    /// <summary>What a path of names leads to; false where something on it is missing.</summary>
    public bool TryFindPath(SafeFileHandle root, TreePath path, out EntryStatus status)
    {
        status = default;
        using SafeFileHandle? found = Sys.TryOpenConfined(root, path.Terminated, Sys.PathOnly | Sys.DoNotFollow, _resolve, out int errno);
        if (found is null)
            return errno is ENOENT or ENOTDIR ? false : throw DiffFailure.OfCall("open", path.Span, errno);
        errno = Sys.Status(found, "\0"u8, out status);
        return errno == 0 ? true : throw DiffFailure.OfCall("look at", path.Span, errno);
    }

    /// <summary>Opens a directory by a path of names from another, to list it.</summary>
    public SafeFileHandle OpenDirectory(SafeFileHandle from, ReadOnlySpan<byte> terminatedPath, TreePath path) =>
        TryRead(from, terminatedPath, Sys.ReadDirectoryOnly, out int errno) ?? throw DiffFailure.OfCall("open the directory", path.Span, errno);

    /// <summary>Opens anything without reading it; of a symbolic link the link itself.</summary>
    public SafeFileHandle OpenPath(SafeFileHandle directory, ReadOnlySpan<byte> terminatedName, TreePath path) =>
        Sys.TryOpenConfined(directory, terminatedName, Sys.PathOnly | Sys.DoNotFollow, _resolve, out int errno)
            ?? throw DiffFailure.OfCall("open", path.Span, errno);

    /// <summary>Opens a regular file to read its data, wherever that lies (metacopy). What is there may be something else by now, which does not hang the call.</summary>
    public SafeFileHandle OpenFile(SafeFileHandle directory, ReadOnlySpan<byte> terminatedName, TreePath path)
    {
        SafeFileHandle file = TryRead(directory, terminatedName, Sys.ReadFileOnly, out int errno) ?? throw DiffFailure.OfCall("open", path.Span, errno);
        if (Marks is null || !Marks.IsElsewhere(file))
            return file;
        file.Dispose();
        SafeFileHandle? data = Mounted().TryRead(View!.Root, path.Terminated, Sys.ReadFileOnly, out errno);
        return data ?? throw (errno == EPERM ? DiffFailure.DataNotFollowed(path.Span, errno) : DiffFailure.OfCall("open", path.Span, errno));
    }

    private SafeFileHandle? TryRead(SafeFileHandle from, ReadOnlySpan<byte> terminatedPath, int flags, out int errno) =>
        Sys.TryOpenQuietly(from, terminatedPath, flags, _resolve, ref _readFlags, out errno);
}
