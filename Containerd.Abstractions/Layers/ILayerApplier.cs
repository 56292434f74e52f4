namespace Containerd;

/// <summary>Turns a layer, a stream of a compressed tar archive, into changes of a file tree.</summary>
/// <remarks>
/// <para>Layers are hostile. Nothing is ever created, changed or removed outside the tree, whatever the names, links and types in the archive and
/// whatever another process does to the tree meanwhile; every quantity an archive can declare has a bound.</para>
/// <para>Whiteouts are stored in the form that the mounts need: a plain tree has the file removed, an overlay's upper directory gets a whiteout. Given a
/// single writable overlay, or a bind, an implementation may write into the directory beneath without mounting anything.</para>
/// <para>The stream is read once, forward, never beyond its end and never buffered whole. The applier verifies nothing about the compressed bytes
/// except what their format checks; the caller compares <see cref="LayerApplyResult.DiffId"/> with the image's configuration.</para>
/// <para>Thread-safe for different trees. Needs root, or a user namespace, for owners and devices. Nothing is flushed to disk: that is
/// <see cref="ISnapshotter.CommitAsync"/>'s task.</para>
/// <para>Source: image-spec v1.1 layer.md; containerd pkg/archive/tar.go.</para>
/// </remarks>
public interface ILayerApplier
{
    /// <summary>Applies one layer to a tree.</summary>
    /// <param name="layer">What the stream is. Its media type must be that of a tar layer; how it is compressed, the bytes themselves tell.</param>
    /// <param name="content">The stream, positioned at the start of the layer. Not disposed.</param>
    /// <param name="mounts">The tree: what <see cref="ISnapshotter.PrepareAsync"/> gave.</param>
    /// <param name="progress">Told the number of compressed bytes consumed so far, at least at the end.</param>
    /// <param name="cancellationToken">Stops the call; the tree is then in an undefined state and is to be removed.</param>
    /// <returns>What was applied.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.DataCorrupted"/>: the compressed stream or the archive is damaged, truncated or malformed. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: an entry that no tree can have (a name, a device number, a link target). -or-
    /// <see cref="ErrorKind.NotSupported"/>: an unknown compression, media type or entry type. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: a limit was exceeded, which the message names, or the disk is full. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>: an owner, device or attribute may not be set. -or-
    /// <see cref="ErrorKind.NotFound"/>: a directory of the mounts is missing. -or-
    /// <see cref="ErrorKind.Unavailable"/>: another process keeps changing the tree.
    /// What <paramref name="content"/> throws when it is read comes through as it is. After any of them the tree is in an undefined state and is to be removed.</exception>
    Task<LayerApplyResult> ApplyAsync(
        Descriptor layer,
        Stream content,
        IReadOnlyList<Mount> mounts,
        IProgress<long>? progress = null,
        CancellationToken cancellationToken = default);
}
