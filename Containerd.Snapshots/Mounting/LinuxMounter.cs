namespace Containerd.Snapshots;

/// <summary>Mounts by the Linux kernel's own calls; no program is run.</summary>
/// <remarks>
/// <para><b>Options</b> are those of containerd: the words of mount(8) for flags (<c>ro</c>, <c>nosuid</c>, <c>noatime</c>, <c>rbind</c> …; <c>rw</c>, <c>suid</c> …
/// clear them again), propagation (<c>shared</c>, <c>rslave</c> …), and everything else as an option of the file system. <c>ro</c> of an <c>rbind</c>, as every
/// restriction of it, holds for all mounts that come with it, unlike in mount(8). A bind never lifts a restriction its source has. <c>remount</c> is made by
/// itself. Type <c>bind</c> without a word is a bind of one mount.</para>
/// <para><b>Overlays.</b> Each directory is opened and handed over by itself where the kernel takes that (Linux 6.13 by handle, 6.7 by path), so paths may
/// contain any character and be of any length. By mount(2) directories whose options exceed one page are named by descriptor: about 220 layers fit. Before Linux 6.7 a
/// detached overlay has neither way: its layers are one value of 255 bytes, which is about a dozen (<see cref="ErrorKind.ResourceExhausted"/> beyond that).</para>
/// <para><b>Not supported</b> (<see cref="ErrorKind.NotSupported"/>, before anything is mounted): <c>uidmap</c>/<c>gidmap</c>, <c>loop</c>, FUSE helpers, prefixed
/// types and <c>X-containerd.</c> options.</para>
/// <para><b>All or none.</b> A failure takes back what the call had mounted, last first, through handles of those very mounts. Where that fails too, or
/// mount(2) mounted something that the target does not lead to, the message says that it is still mounted.</para>
/// <para>Needs Linux 5.6 (openat2) where a mount has a <see cref="Mount.Target"/>, 5.2 for <see cref="MountDetached"/>, 5.12 for restrictions of a detached
/// bind, and 6.15 for several mounts in one detached tree. Thread-safe. Source: containerd core/mount/mount_linux.go.</para>
/// </remarks>
public sealed class LinuxMounter : IMounter
{
    private readonly MountApi _api;
    private readonly TimeSpan _busyTimeout;
    private readonly TimeProvider _timeProvider;

    /// <summary>Creates a mounter.</summary>
    /// <param name="options">How it works; null for the defaults.</param>
    /// <param name="timeProvider">The clock that busy retries are measured by; null for the system's.</param>
    public LinuxMounter(LinuxMounterOptions? options = null, TimeProvider? timeProvider = null)
    {
        options ??= new LinuxMounterOptions();
        _api = options.Api;
        _busyTimeout = options.BusyTimeout;
        _timeProvider = timeProvider ?? TimeProvider.System;
    }

    /// <summary>Does as a kernel that knows no newer form. For tests.</summary>
    internal OverlayForm NewestOverlayForm { get; init; }

    /// <inheritdoc/>
    public void Mount(IReadOnlyList<Mount> mounts, string target)
    {
        ArgumentException.ThrowIfNullOrEmpty(target);
        List<MountRequest> requests = MountRequest.ParseAll(mounts);
        if (_api == MountApi.Mount2 || (_api == MountApi.Auto && !DescriptorMounts.IsSupported) || requests.Exists(request => request.IsRemount))
        {
            ClassicMounts.Attach(requests, target);
            return;
        }
        try
        {
            DescriptorMounts.Attach(requests, target, NewestOverlayForm);
        }
        catch (ContainerdException e) when (_api == MountApi.Auto && e.Errno is Interop.ENOSYS or Interop.E2BIG)
        {
            // The kernel lacks one of the newer calls, or takes these options only in the one page of mount(2). Nothing is mounted yet.
            ClassicMounts.Attach(requests, target);
        }
    }

    /// <inheritdoc/>
    public void Unmount(string target, UnmountOptions options = UnmountOptions.None)
    {
        ArgumentException.ThrowIfNullOrEmpty(target);
        Unmounting.Unmount(target, options, _busyTimeout, _timeProvider);
    }

    /// <inheritdoc/>
    public IDetachedMount MountDetached(IReadOnlyList<Mount> mounts)
    {
        List<MountRequest> requests = MountRequest.ParseAll(mounts);
        ArgumentOutOfRangeException.ThrowIfZero(requests.Count, nameof(mounts));
        if (requests[0].IsRemount)
            throw new ContainerdException(ErrorKind.InvalidArgument, "Mounting a detached tree: there is nothing to remount in it.") { Subject = requests[0].Mount.Source };
        if (_api == MountApi.Mount2 || !DescriptorMounts.IsSupported)
            throw new ContainerdException(ErrorKind.NotSupported, "Mounting a detached tree: mount(2) cannot make one; the new mount API of Linux 5.2 can.");
        return new DetachedMount(DescriptorMounts.Assemble(requests, NewestOverlayForm));
    }
}
