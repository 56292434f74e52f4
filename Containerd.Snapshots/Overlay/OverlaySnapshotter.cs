using Microsoft.Extensions.Logging;

namespace Containerd.Snapshots;

/// <summary>Snapshots as directories that overlayfs stacks: preparing and committing copy nothing.</summary>
/// <remarks>
/// <para>The rules of <see cref="ISnapshotter"/> and <see cref="LocalSnapshotter"/>, with these particulars.</para>
/// <para><b>Mounts.</b> Without a parent, a bind of one directory; a view of a single layer, a read-only bind of it; otherwise one overlay: work and upper
/// directory where it is writable, the layers topmost first, <see cref="OverlaySnapshotterOptions.MountOptions"/>, <c>userxattr</c> in a user namespace,
/// <c>index=off</c> where the kernel knows it. With ID maps, <c>uidmap</c> and <c>gidmap</c> come first. What is prepared as a layer
/// (<see cref="SnapshotOptions.IsLayer"/>), and a view of a single layer that deletes something, is an overlay over an empty directory.
/// <see cref="SnapshotOptions.MaxBytes"/> is not heeded.</para>
/// <para><b>Layers are kept once.</b> A tree committed with a diff ID as independent of its parent serves every chain that contains the layer:
/// <see cref="LocalSnapshotter.AdoptAsync"/> finds it, and of two that are committed for one diff ID the later is dropped for the earlier. A tree that was prepared without
/// a parent, and not as a layer, has lost what the layer deletes: it serves only at the bottom of chains.</para>
/// <para><b>Rebasing.</b> A tree prepared without a parent can be committed on one (not in a user namespace, where whiteouts cannot be made). Directories that a layer has
/// entries in but does not describe then take owner, mode, times and attributes from the parent, where the applier marked them (<see cref="TarLayerApplier"/> does).</para>
/// <para>Needs Linux 5.6, root or CAP_SYS_ADMIN and CAP_CHOWN in a user namespace, and a file system that overlay can use as an upper layer (ext4, xfs with
/// <c>ftype=1</c>, btrfs, tmpfs …; not an overlay). ID maps need Linux 5.19 and a file system that can be ID-mapped.</para>
/// <para>Source: containerd plugins/snapshots/overlay/overlay.go.</para>
/// </remarks>
public sealed class OverlaySnapshotter : LocalSnapshotter
{
    /// <summary>Opens the store in a directory, or makes it, with default options.</summary>
    /// <param name="root">The directory.</param>
    /// <exception cref="ContainerdException">As the other constructor.</exception>
    public OverlaySnapshotter(string root)
        : this(new OverlaySnapshotterOptions { Root = root })
    {
    }

    /// <summary>Opens the store in a directory, or makes it.</summary>
    /// <param name="options">Where and how; copied.</param>
    /// <param name="loggerFactory">Where to log; null for nowhere.</param>
    /// <param name="timeProvider">The clock; null for the system's.</param>
    /// <exception cref="ArgumentException">No root is given.</exception>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotSupported"/>: overlay does not work there, with the reason; or the store has a format or
    /// schema of another version, both of which the message names. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: the directory is another component's, or holds files but no store. -or-
    /// <see cref="ErrorKind.DataCorrupted"/>: the format file or the database is damaged; the message names the file. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>: the directory is somebody else's or may be written by its group or others, or this process may not mount. -or-
    /// <see cref="ErrorKind.Unavailable"/>: another process has been opening the store for 30 seconds, or uses it in an older format. -or-
    /// <see cref="ErrorKind.NotFound"/>: there is no store to read only, or no additional one. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: the disk is full.
    /// Except for the last, a directory that is no store of this version or the one before is not touched.</exception>
    public OverlaySnapshotter(OverlaySnapshotterOptions options, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null)
        : base(OverlayDriver.Create(options, timeProvider), options, loggerFactory, timeProvider, options.WritableRoot)
    {
    }
}
