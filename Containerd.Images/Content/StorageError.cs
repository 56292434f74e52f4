namespace Containerd.Images;

/// <summary>Failures of plain files, as the suite's exceptions.</summary>
internal static class StorageError
{
    /// <summary>Whether an exception is one of those that file access fails with.</summary>
    public static bool Is(Exception e) => e is IOException or UnauthorizedAccessException;

    public static ContainerdException From(Exception e, string doing, string path)
    {
        // The BCL keeps the errno of an I/O error in HResult.
        int? errno = !OperatingSystem.IsWindows() && e.HResult is > 0 and < 4096 ? e.HResult : null;
        ErrorKind kind = (e, errno) switch
        {
            (UnauthorizedAccessException, _) or (_, 30) => ErrorKind.PermissionDenied,
            (_, 28 or 122) => ErrorKind.ResourceExhausted,
            _ when OperatingSystem.IsWindows() && e.HResult is unchecked((int)0x80070070) or unchecked((int)0x80070027) => ErrorKind.ResourceExhausted,
            (FileNotFoundException or DirectoryNotFoundException, _) => ErrorKind.NotFound,
            _ => ErrorKind.Unknown,
        };
        string advice = kind switch
        {
            ErrorKind.ResourceExhausted => " The disk or quota is full: free some space and try again.",
            ErrorKind.PermissionDenied => " The process must be able to write the images root.",
            _ => "",
        };
        return new ContainerdException(kind, $"{doing} failed at '{Excerpt.Of(path)}': {Excerpt.Of(e.Message)}{advice}", e) { Subject = path, Errno = errno };
    }
}
