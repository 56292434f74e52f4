using Microsoft.Extensions.Logging;

namespace Containerd.Snapshots;

/// <summary>Snapshots as plain directories on any file system: preparing copies the parent's tree, sharing the content of large files where the file system can (reflink).</summary>
/// <remarks>
/// <para>The rules of <see cref="ISnapshotter"/> and <see cref="LocalSnapshotter"/>, with these particulars.</para>
/// <para><b>Mounts</b> are one bind of the directory, read-only for views; a view of a snapshot copies nothing.</para>
/// <para><b>Usage</b> counts the whole tree, what is shared by reflink too. <see cref="SnapshotOptions.MaxBytes"/> is not heeded.</para>
/// <para>A layer over another base is another tree: <see cref="LocalSnapshotter.AdoptAsync"/> finds nothing, and nothing is rebased or ID-mapped.</para>
/// <para>Preparing takes as long as copying does, can be cancelled, and tells its progress (<see cref="SnapshotOptions.Progress"/>). It holds up nobody else.</para>
/// <para>Needs Linux 5.6, root for owners and devices, and a file system that keeps what the trees have: owners, attributes, links. Source: containerd
/// plugins/snapshots/native/native.go.</para>
/// </remarks>
public sealed class NativeSnapshotter : LocalSnapshotter
{
    /// <summary>Opens the store in a directory, or makes it, with default options.</summary>
    /// <param name="root">The directory.</param>
    /// <exception cref="ContainerdException">As of <see cref="OverlaySnapshotter(OverlaySnapshotterOptions, ILoggerFactory?, TimeProvider?)"/>.</exception>
    public NativeSnapshotter(string root)
        : this(new LocalSnapshotterOptions { Root = root })
    {
    }

    /// <summary>Opens the store in a directory, or makes it.</summary>
    /// <param name="options">Where and how; copied.</param>
    /// <param name="loggerFactory">Where to log; null for nowhere.</param>
    /// <param name="timeProvider">The clock; null for the system's.</param>
    /// <exception cref="ContainerdException">As of <see cref="OverlaySnapshotter(OverlaySnapshotterOptions, ILoggerFactory?, TimeProvider?)"/>.</exception>
    public NativeSnapshotter(LocalSnapshotterOptions options, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null)
        : base(new NativeDriver(), options, loggerFactory, timeProvider)
    {
    }
}
