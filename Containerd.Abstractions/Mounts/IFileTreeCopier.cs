namespace Containerd;

/// <summary>Copies a file tree with everything that makes it the same tree.</summary>
/// <remarks>
/// <para>Kept: content (shared with the source by reflink where the file system can), holes, hard links within the tree, symbolic links as they are,
/// owners, modes, set-id bits, extended attributes and ACLs, access and modification times, devices, fifos and sockets. No symbolic link is followed.</para>
/// <para>Thread-safe. Needs what its results need: keeping owners and making devices need root.</para>
/// </remarks>
public interface IFileTreeCopier
{
    /// <summary>Copies the content of one directory into another.</summary>
    /// <param name="source">The directory to copy. It must not change meanwhile; where it does, the call fails rather than copy something else.</param>
    /// <param name="destination">The directory to copy into, made where it is missing. What it holds already stays unless <see cref="FileTreeCopyOptions.Mirror"/> is set.</param>
    /// <param name="options">What to copy and how; null for everything.</param>
    /// <param name="progress">Told the running totals from time to time, and once at the end.</param>
    /// <param name="cancellationToken">Stops the copy; what was copied so far stays in the destination.</param>
    /// <returns>The totals.</returns>
    /// <exception cref="ArgumentException">A pattern is malformed.</exception>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such source, or the directory that the destination would be made in is missing. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: the source changed during the copy; a file stands where a directory must go, or a directory where a file must; something is
    /// mounted beneath either. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: one of the trees lies in the other. -or-
    /// <see cref="ErrorKind.NotSupported"/>: the destination's file system cannot hold what a file has (an attribute, an ACL). -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: the destination is full. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>: an owner, device or attribute may not be set.
    /// What was copied so far stays in the destination.</exception>
    Task<FileTreeCopyProgress> CopyAsync(
        string source,
        string destination,
        FileTreeCopyOptions? options = null,
        IProgress<FileTreeCopyProgress>? progress = null,
        CancellationToken cancellationToken = default);
}
