namespace Containerd;

/// <summary>Turns the difference between two file trees into a layer.</summary>
/// <remarks>
/// <para>The archive is PAX, parents before children, removed entries as whiteouts. The same trees and options give the same uncompressed bytes,
/// and so the same diff ID, always; the compressed bytes may differ between versions of a codec.</para>
/// <para>Thread-safe. The trees must not change meanwhile; a file that shrinks while it is read fails the call rather than give a wrong layer.
/// Needs the right to read both trees and to mount them.</para>
/// <para>Source: containerd continuity/fs/diff.go and pkg/archive/tar.go; image-spec v1.1 layer.md.</para>
/// </remarks>
public interface ILayerDiffer
{
    /// <summary>Writes the layer that makes <paramref name="upper"/> out of <paramref name="lower"/>.</summary>
    /// <param name="lower">The tree before; empty for none, which makes the layer of the whole of <paramref name="upper"/>.</param>
    /// <param name="upper">The tree after. It is only read.</param>
    /// <param name="destination">Takes the compressed layer. Not disposed; flushed.</param>
    /// <param name="options">Compression and time stamps; null for the defaults.</param>
    /// <param name="progress">Told the number of uncompressed bytes written so far, at least at the end.</param>
    /// <param name="cancellationToken">Stops the call; what was written is then not a layer.</param>
    /// <returns>The layer. It is complete: every flush and close beneath was checked.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: a directory of the mounts is missing. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: a tree changed while it was read. -or-
    /// <see cref="ErrorKind.NotSupported"/>: no encoder for the media type. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: something in <paramref name="upper"/> that no layer can say: a name that begins with <c>.wh.</c>, a path of more than 4,095
    /// bytes, a character device 0:0 in a tree that is no overlay; or a level that the compression has not. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: more extended attributes on a file than a layer may carry, or too many open files. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>: a tree may not be read or mounted.</exception>
    Task<LayerDiffResult> DiffAsync(
        IReadOnlyList<Mount> lower,
        IReadOnlyList<Mount> upper,
        Stream destination,
        LayerDiffOptions? options = null,
        IProgress<long>? progress = null,
        CancellationToken cancellationToken = default);
}
