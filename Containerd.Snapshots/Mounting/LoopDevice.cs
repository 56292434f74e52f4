using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>An image file as a block device (M-20), for as long as the handle or a mount of the device lives: the kernel frees it behind the last of them.</summary>
internal sealed class LoopDevice : IDisposable
{
    // What mount(8) tries in all; each failure means that another process was faster.
    private const int MaxAttempts = 100;
    private const int MaxPauseMilliseconds = 20;
    private const int ENOTTY = 25;
    private const int TypeMask = 0xF000, BlockDevice = 0x6000, RegularFile = 0x8000; // inode(7)

    private readonly SafeFileHandle _device;

    private LoopDevice(string path, SafeFileHandle device)
    {
        Path = path;
        _device = device;
    }

    public string Path { get; }

    /// <summary>Attaches the source of a mount to a free device; null where the mount asks for none, or its source is a device already.</summary>
    public static LoopDevice? For(MountRequest request, KernelLimits limits)
    {
        if (!request.IsLoop)
            return null;
        Mount mount = request.Mount;
        // Without blocking, should the source be a fifo.
        int access = (request.Flag & Sys.MS_RDONLY) != 0 ? LibC.O_RDONLY : LibC.O_RDWR;
        using SafeFileHandle image = Sys.TryOpen(null, mount.Source, access | LibC.O_NONBLOCK, out int errno)
            ?? throw MountFailure.MissingDirectory(mount, "the image file", mount.Source, errno);
        errno = Sys.Status(image, "", out EntryStatus status);
        if (errno != 0)
            throw MountFailure.MissingDirectory(mount, "the image file", mount.Source, errno);
        int type = status.TypeAndMode & TypeMask;
        if (type == BlockDevice)
            return null;
        if (type != RegularFile)
            throw MountFailure.MissingDirectory(mount, "the image file", mount.Source, EINVAL);

        using SafeFileHandle control = Sys.TryOpen(null, "/dev/loop-control", LibC.O_RDWR, out errno) ?? throw Refusal(mount, "opening /dev/loop-control", errno);
        for (int attempt = 1; ; attempt++)
        {
            errno = Sys.FreeLoopDevice(control, out int number);
            if (errno != 0)
                throw Refusal(mount, "finding a free loop device", errno);
            string path = string.Create(CultureInfo.InvariantCulture, $"/dev/loop{number}");
            SafeFileHandle device = Sys.TryOpen(null, path, access, out errno) ?? throw Refusal(mount, $"opening '{path}'", errno);
            errno = Configure(device, image, request, limits);
            if (errno == 0)
                return new LoopDevice(path, device);
            device.Dispose();
            if (errno != EBUSY || attempt == MaxAttempts)
                throw Refusal(mount, $"attaching it to '{path}'", errno);
            // At random, so that processes which collide do not do so again.
            Sys.AwaitNews(null, Random.Shared.Next(1, MaxPauseMilliseconds));
        }
    }

    public void Dispose() => _device.Dispose();

    private static int Configure(SafeFileHandle device, SafeFileHandle image, MountRequest request, KernelLimits limits)
    {
        uint flags = Sys.LO_FLAGS_AUTOCLEAR;
        if ((request.Flag & Sys.MS_RDONLY) != 0)
            flags |= Sys.LO_FLAGS_READ_ONLY;
        if (!limits.ConfiguresLoopsInSteps)
        {
            int errno = Sys.ConfigureLoopDevice(device, image, request.Mount.Source, request.IsDirectIo ? flags | Sys.LO_FLAGS_DIRECT_IO : flags);
            // It attaches an image that takes no direct I/O without it, and says nothing. Closed, the device is free again.
            if (errno == 0 && request.IsDirectIo && Sys.LoopFlags(device, out uint given) == 0 && (given & Sys.LO_FLAGS_DIRECT_IO) == 0)
                return EINVAL;
            if (errno is not (EINVAL or ENOTTY or ENOSYS))
                return errno;
        }
        return ConfigureInSteps(device, image, request, flags);
    }

    // Before Linux 5.8. Between the steps the device is there without its properties; a process killed there leaves it attached.
    private static int ConfigureInSteps(SafeFileHandle device, SafeFileHandle image, MountRequest request, uint flags)
    {
        int errno = Sys.SetLoopImage(device, image);
        if (errno != 0)
            return errno;
        errno = Sys.SetLoopStatus(device, request.Mount.Source, flags);
        if (errno == 0 && request.IsDirectIo)
            errno = Sys.SetLoopDirectIo(device);
        if (errno == 0)
            return 0;
        int cleared = Sys.ClearLoopDevice(device);
        return cleared == 0 ? errno : throw Refusal(request.Mount, $"taking the image off the loop device again ({Describe(errno)} before)", cleared);
    }

    private static ContainerdException Refusal(Mount mount, string step, int errno)
    {
        string advice = errno switch
        {
            ENOENT => " The kernel has no loop devices (module loop), or /dev of this mount namespace lacks the node.",
            EPERM or EACCES => " It needs CAP_SYS_ADMIN and access to the device.",
            EBUSY => " Other processes kept taking the free devices.",
            EINVAL => " The image may be shorter than a block, or its file system unfit for direct I/O.",
            _ => "",
        };
        return new ContainerdException(KindOf(errno), $"Mounting {MountFailure.Describe(mount)}: {step} failed: {Describe(errno)}.{advice}") { Subject = mount.Source, Errno = errno };
    }
}
