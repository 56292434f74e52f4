using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>What is said when two trees cannot be made into a layer.</summary>
internal static class DiffFailure
{
    public static ContainerdException Changed(ReadOnlySpan<byte> path, int? errno = null) => Of(
        ErrorKind.FailedPrecondition, path, "it was changed while it was read. Stop what writes to the tree, or freeze it, and compare again", errno);

    // The kernel has one error for both: openat2 says EXDEV too where a rename took what it found out of the directory it began in.
    public static ContainerdException Mounted(ReadOnlySpan<byte> path) => Of(
        ErrorKind.FailedPrecondition, path, "something is mounted there, which is no part of the tree, or it was moved away meanwhile. Unmount it", EXDEV);

    public static ContainerdException WhiteoutName(ReadOnlySpan<byte> path) => Of(
        ErrorKind.InvalidArgument, path, "a layer cannot hold a name that begins with '.wh.': it would delete what has the rest of the name. Rename or remove it");

    public static ContainerdException OpaqueName(ReadOnlySpan<byte> path) => Of(
        ErrorKind.InvalidArgument, path, "its removal cannot be said in a layer: the whiteout would be the mark that empties the whole directory");

    public static ContainerdException DeviceZero(ReadOnlySpan<byte> path) => Of(
        ErrorKind.InvalidArgument, path, "a layer cannot hold a character device 0:0: it is what overlayfs keeps of something deleted. Compare the mounted overlay it belongs to, or remove it");

    public static ContainerdException TooLong(ReadOnlySpan<byte> path, int limit) => Of(
        ErrorKind.InvalidArgument, path, $"its path is longer than the {limit} bytes that a path can have when the layer is applied");

    public static ContainerdException TooManyXattrs(ReadOnlySpan<byte> path) => Of(
        ErrorKind.ResourceExhausted, path, $"its extended attributes need more than {XattrSet.MaxBytes} bytes, which no layer may demand of those who apply it");

    public static ContainerdException IndexedLinks(ReadOnlySpan<byte> path) => Of(
        ErrorKind.NotSupported, path, "the overlay was once mounted with index=on, and the other names of the file are known to its index only. Give a bind of the mounted overlay instead of the overlay");

    public static ContainerdException DataNotFollowed(ReadOnlySpan<byte> path, int? errno) => Of(
        ErrorKind.NotSupported, path, "the overlay was once mounted with metacopy=on, the file's data lies in a layer beneath, and without that option the kernel does not follow it. Give the overlay with metacopy=on", errno);

    /// <summary>The exception for something that could not be opened or looked at.</summary>
    public static ContainerdException OfCall(string operation, ReadOnlySpan<byte> path, int errno) => errno switch
    {
        ENOENT or ENOTDIR or ELOOP => Changed(path, errno),
        EXDEV => Mounted(path),
        _ => new FileResult(errno).ToException(operation, ArchiveText.Safe(path)),
    };

    public static void Check(FileResult result, string operation, ReadOnlySpan<byte> path)
    {
        if (!result.Ok)
            throw result.Missing ? Changed(path, ENOENT) : result.ToException(operation, ArchiveText.Safe(path));
    }

    private static ContainerdException Of(ErrorKind kind, ReadOnlySpan<byte> path, string reason, int? errno = null)
    {
        string safe = ArchiveText.Safe(path);
        return new ContainerdException(kind, $"Cannot put '{safe}' into a layer: {reason}.") { Subject = safe, Errno = errno };
    }
}
