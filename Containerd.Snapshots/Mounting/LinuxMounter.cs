using Microsoft.Extensions.Logging;

namespace Containerd.Snapshots;

/// <summary>Mounts by the Linux kernel's own calls. Only FUSE file systems need a program.</summary>
/// <remarks>
/// <para><b>Options</b> are those of containerd: the words of mount(8) for flags (<c>ro</c>, <c>nosuid</c>, <c>noatime</c>, <c>rbind</c> …; <c>rw</c>, <c>suid</c> …
/// clear them again), propagation (<c>shared</c>, <c>rslave</c> …), and everything else as an option of the file system. <c>ro</c> of an <c>rbind</c>, as every
/// restriction of it, holds for all mounts that come with it, unlike in mount(8). A bind never lifts a restriction its source has. <c>remount</c> is made by
/// itself, and lifts no restriction that no word lifts. Type <c>bind</c> without a word is a bind of one mount. Prefixed types and <c>X-containerd.</c> options are <see cref="ErrorKind.NotSupported"/>
/// before anything is mounted: another component should have consumed them.</para>
/// <para><b>Overlays.</b> Each directory is opened and handed over by itself where the kernel takes that (Linux 6.13 by handle, 6.7 by path), so paths may
/// contain any character and be of any length. By mount(2) directories whose options exceed one page are named by descriptor: about 220 layers fit.</para>
/// <para><b>Mapped IDs.</b> <c>uidmap=CONTAINER:HOST:SIZE</c> and <c>gidmap=</c>, both or neither: what belongs to CONTAINER on disk is shown as HOST's, and what
/// HOST writes belongs to CONTAINER on disk. Further ranges follow after commas; in an option element that begins a map, every piece with a colon and no
/// equals sign is a range of it. Of a recursive bind the map holds for all mounts, which all have to allow it; a read-only bind has one as well. Needs Linux
/// 5.12, depending on the file system later, and the right to make a user namespace with the host IDs.
/// Of an <b>overlay</b> the lower directories are mapped through one read-only clone of the deepest directory above all of them (each by its own where that is
/// <c>/</c> or they lie in several mounts), <i>and so are the upper and the work directory</i>, which need a common directory other than <c>/</c> in one mount. Unlike
/// with containerd, whose upper directory holds the host's IDs, what is written through the mount has the image's own IDs on disk, so that it
/// can be committed and compared as any other snapshot; directories need no change of owner. Who is not in the map, the host's root mostly, can
/// create nothing in such a mount (EOVERFLOW).</para>
/// <para><b>Image files.</b> With <c>loop</c> the source is attached to a free loop device, read-only where the mount is (<c>ro</c>, erofs, squashfs), past the
/// page cache with <c>direct-io</c>. The device is freed by the kernel when the mount ends. A source that is a device is mounted as it is.</para>
/// <para><b>FUSE.</b> Types <c>fuse.NAME</c> and <c>fuse3.NAME</c> are mounted by <c>mount.fuse</c> or <c>mount.fuse3</c>, which is given all options but propagation and
/// maps, and 30 seconds; no other helper is ever run. The server it starts belongs to the mount and ends with it.</para>
/// <para><b>Detached trees</b> are in no mount table, and end with their handle or process, with two exceptions: what mount(2) or a helper mounts is in
/// <see cref="LinuxMounterOptions.TemporaryDirectory"/> until it is taken from there; and where the kernel cannot detach a tree it is mounted there until it is disposed.
/// The latter is the case with <see cref="MountApi.Mount2"/>, before Linux 5.2, before 6.15 for a tree of several mounts, and before 6.7 for an overlay of
/// more than about a dozen layers. What a killed process leaves there is taken away when any process next mounts in the directory; nothing in it is ever deleted but empty
/// directories and files. The directory stays mounted on itself, so that nothing in it shows up in other mount namespaces. Before 6.15 the mapped directories of
/// an overlay are there too while it is being mounted. From Linux 6.15 on only FUSE uses the directory.</para>
/// <para><b>All or none.</b> A failure takes back what the call had mounted, last first, through handles of those very mounts. Where that fails too, the
/// message says that it is still mounted. Every mount goes onto the directory that was opened for it, whatever others rename or link
/// meanwhile, and whole: what mount(2) mounts in several steps, or a helper, is mounted in <see cref="LinuxMounterOptions.TemporaryDirectory"/> and moved to the target.</para>
/// <para>Needs Linux 5.6 (openat2) where a mount has a <see cref="Mount.Target"/>, and 5.12 for restrictions of a detached bind. Thread-safe. A call uses the mount
/// namespace of its thread; a detached tree that is mounted temporarily has to be disposed in the namespace it was made in.
/// Source: containerd core/mount/mount_linux.go.</para>
/// </remarks>
public sealed class LinuxMounter : IMounter
{
    private readonly MountApi _api;
    private readonly TimeSpan _busyTimeout;
    private readonly TimeProvider _timeProvider;
    private readonly TemporaryMounts _temporary;

    /// <summary>Creates a mounter.</summary>
    /// <param name="options">How it works; null for the defaults.</param>
    /// <param name="timeProvider">The clock that busy retries are measured by; null for the system's.</param>
    /// <param name="loggerFactory">Where is told what stays in <see cref="LinuxMounterOptions.TemporaryDirectory"/>; null for nowhere.</param>
    public LinuxMounter(LinuxMounterOptions? options = null, TimeProvider? timeProvider = null, ILoggerFactory? loggerFactory = null)
    {
        options ??= new LinuxMounterOptions();
        _api = options.Api;
        _busyTimeout = options.BusyTimeout;
        _timeProvider = timeProvider ?? TimeProvider.System;
        _temporary = new TemporaryMounts(options.TemporaryDirectory, loggerFactory);
    }

    /// <summary>Does as a kernel that lacks something. For tests.</summary>
    internal KernelLimits Limits { get; init; } = KernelLimits.None;

    private MountSettings Settings => new(Limits, _temporary);

    private bool ByDescriptor => _api != MountApi.Mount2 && DescriptorMounts.IsSupported;

    /// <inheritdoc/>
    public void Mount(IReadOnlyList<Mount> mounts, string target)
    {
        ArgumentException.ThrowIfNullOrEmpty(target);
        Attach(MountRequest.ParseAll(mounts), target);
    }

    /// <inheritdoc/>
    public void Unmount(string target, UnmountOptions options = UnmountOptions.None)
    {
        ArgumentException.ThrowIfNullOrEmpty(target);
        Unmounting.Unmount(target, options, _busyTimeout, _timeProvider);
    }

    /// <inheritdoc/>
    /// <exception cref="ContainerdException">-or- <see cref="ErrorKind.Unavailable"/>, where trees cannot be detached (before Linux 5.2, or by mount(2)): another process has held the lock
    /// of the temporary directories for 30 seconds; the message names it where it can be found.</exception>
    public IDetachedMount MountDetached(IReadOnlyList<Mount> mounts)
    {
        List<MountRequest> requests = MountRequest.ParseAll(mounts);
        ArgumentOutOfRangeException.ThrowIfZero(requests.Count, nameof(mounts));
        if (requests[0].IsRemount)
            throw new ContainerdException(ErrorKind.InvalidArgument, "Mounting a detached tree: there is nothing to remount in it.") { Subject = requests[0].Mount.Source };
        if (!requests[0].IsRoot)
            throw new ContainerdException(ErrorKind.InvalidArgument, "Mounting a detached tree: the first mount has to be its root.") { Subject = requests[0].Mount.Target };
        if (!ByDescriptor)
            return AttachTemporarily(requests);
        try
        {
            return new DescriptorMounts(Settings).TryAssemble(requests) ?? AttachTemporarily(requests);
        }
        catch (ContainerdException e) when (_api == MountApi.Auto && IsForMount2(e))
        {
            return AttachTemporarily(requests);
        }
    }

    private void Attach(List<MountRequest> requests, string target)
    {
        if (!ByDescriptor && _api == MountApi.Descriptor)
            throw new ContainerdException(ErrorKind.NotSupported, "Mounting: the kernel lacks the new mount API, which Linux 5.2 has.") { Subject = target };
        if (!ByDescriptor || requests.Exists(request => request.IsRemount))
        {
            MountAttachment.Attach(requests, target, new ClassicMounts(Settings).MountAt);
            return;
        }
        try
        {
            MountAttachment.Attach(requests, target, new DescriptorMounts(Settings).MountAt);
        }
        catch (ContainerdException e) when (_api == MountApi.Auto && IsForMount2(e))
        {
            // Nothing is mounted yet, or any more.
            MountAttachment.Attach(requests, target, new ClassicMounts(Settings).MountAt);
        }
    }

    private DetachedMount AttachTemporarily(List<MountRequest> requests)
    {
        TemporaryTree tree = _temporary.NewTree();
        try
        {
            string place = tree.NewPlace();
            Attach(requests, place);
            return new DetachedMount(MountPlace.OpenTarget(place), tree);
        }
        catch
        {
            tree.Dispose();
            throw;
        }
    }

    // The kernel lacks one of the newer calls, or takes these options only in the one page of mount(2).
    private static bool IsForMount2(ContainerdException e) => e.Errno is Interop.ENOSYS or Interop.E2BIG;
}
