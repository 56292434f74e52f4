using Microsoft.Extensions.Logging;

namespace Containerd.Snapshots;

/// <summary>Snapshots as subvolumes of a btrfs file system: each a whole tree that shares with its parent what neither has changed.</summary>
/// <remarks>
/// <para>The rules of <see cref="ISnapshotter"/> and <see cref="LocalSnapshotter"/>, with these particulars.</para>
/// <para><b>Mounts</b> are one bind of the subvolume, read-only for views. Containerd mounts the subvolume from its device instead; a bind shows the same, needs no device
/// and lets a layer be applied without mounting.</para>
/// <para><b>Commit</b> closes the subvolume for writing where it is; nothing is copied. <b>Usage</b> counts files that are new or changed since the parent, whole; the file
/// system's own quotas are not used. <see cref="SnapshotOptions.MaxBytes"/> is not heeded.</para>
/// <para>A layer over another base is another tree: <see cref="LocalSnapshotter.AdoptAsync"/> finds nothing, and nothing is rebased or ID-mapped.</para>
/// <para>Needs Linux 5.6, CAP_SYS_ADMIN and a root on btrfs. Subvolumes that somebody makes inside a snapshot are not part of what is prepared on it; they are deleted
/// with it. Source: containerd plugins/snapshots/btrfs/btrfs.go.</para>
/// </remarks>
public sealed class BtrfsSnapshotter : LocalSnapshotter
{
    /// <summary>Opens the store in a directory, or makes it, with default options.</summary>
    /// <param name="root">The directory.</param>
    /// <exception cref="ContainerdException">As of <see cref="OverlaySnapshotter(OverlaySnapshotterOptions, ILoggerFactory?, TimeProvider?)"/>.</exception>
    public BtrfsSnapshotter(string root)
        : this(new LocalSnapshotterOptions { Root = root })
    {
    }

    /// <summary>Opens the store in a directory, or makes it.</summary>
    /// <param name="options">Where and how; copied.</param>
    /// <param name="loggerFactory">Where to log; null for nowhere.</param>
    /// <param name="timeProvider">The clock; null for the system's.</param>
    /// <exception cref="ContainerdException">As of <see cref="OverlaySnapshotter(OverlaySnapshotterOptions, ILoggerFactory?, TimeProvider?)"/>.</exception>
    public BtrfsSnapshotter(LocalSnapshotterOptions options, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null)
        : base(new BtrfsDriver(), options, loggerFactory, timeProvider)
    {
    }
}
