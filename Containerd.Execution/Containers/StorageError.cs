namespace Containerd.Execution;

/// <summary>Failures of the state's files and directories, as the suite's exceptions.</summary>
internal static class StorageError
{
    /// <summary>Does something with files.</summary>
    /// <param name="doing">What, as the start of a sentence.</param>
    /// <param name="path">To what.</param>
    /// <param name="action">The work.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.ResourceExhausted"/>: the file system is full. -or- <see cref="ErrorKind.PermissionDenied"/>: the process may not. -or-
    /// <see cref="ErrorKind.NotFound"/>: something on the way is missing. -or- <see cref="ErrorKind.Unavailable"/>: it is in use. -or- <see cref="ErrorKind.Unknown"/>: another I/O error.</exception>
    public static T Guard<T>(string doing, string path, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw From(e, doing, path);
        }
    }

    /// <inheritdoc cref="Guard{T}(string, string, Func{T})"/>
    public static void Guard(string doing, string path, Action action) => Guard(doing, path, () =>
    {
        action();
        return true;
    });

    private static ContainerdException From(Exception e, string doing, string path)
    {
        // The BCL keeps the errno of an I/O error in HResult.
        int? errno = e.HResult is > 0 and < 4096 ? e.HResult : null;
        ErrorKind kind = e switch
        {
            UnauthorizedAccessException => ErrorKind.PermissionDenied,
            FileNotFoundException or DirectoryNotFoundException => ErrorKind.NotFound,
            _ when errno is { } number => Interop.KindOf(number),
            _ => ErrorKind.Unknown,
        };
        string advice = kind switch
        {
            ErrorKind.ResourceExhausted => " Free some space, or give a StateRoot that has more.",
            ErrorKind.PermissionDenied => " The process must be able to write the state root.",
            _ => "",
        };
        return new ContainerdException(kind, $"{doing} '{Excerpt.Of(path)}' failed: {Excerpt.OfMessage(e.Message)}{advice}", e) { Subject = path, Errno = errno };
    }
}
