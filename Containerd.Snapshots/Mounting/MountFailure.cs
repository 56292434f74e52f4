using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>What is said when the kernel refuses a mount.</summary>
internal static class MountFailure
{
    private const int MaxNamed = 4;

    public static string Describe(Mount mount) =>
        $"{Excerpt.Of(mount.Type)} '{Excerpt.Of(mount.Source)}' on '/{Excerpt.Of(mount.Target.TrimStart('/'))}'";

    public static ContainerdException Of(Mount mount, string step, int errno, string? kernelMessage = null)
    {
        string advice = errno switch
        {
            Interop.EPERM => " Mounting needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace.",
            Interop.ENODEV => $" The kernel has no file system '{Excerpt.Of(mount.Type)}'; its module may have to be loaded.",
            Interop.ENOTBLK => " It needs a block device; option 'loop' makes one of an image file.",
            Interop.ENOSPC => " Its disk is full, or the namespace has as many mounts as fs.mount-max allows.",
            Interop.EBUSY => " The source or one of its directories is in use by another mount.",
            Interop.EINVAL when kernelMessage?.Contains("not supported as upperdir", StringComparison.Ordinal) != false && LayersOnOverlays(mount) is { Length: > 0 } layers =>
                $" {layers} lies on an overlay: on one that lies on another the kernel stacks no third, and a directory on an overlay is no upper directory.",
            Interop.EINVAL or Interop.ELOOP when kernelMessage is null => " The kernel log may say which option or directory it refused.",
            _ => "",
        };
        string reason = kernelMessage is null ? "" : $" The kernel says: {Excerpt.Of(kernelMessage)}.";
        return new ContainerdException(Interop.KindOf(errno), $"Mounting {Describe(mount)}: {step} failed: {Interop.Describe(errno)}.{reason}{advice}")
        {
            Subject = mount.Source,
            Errno = errno,
        };
    }

    /// <summary>The options do not fit what this kernel takes: another way of mounting may still take them.</summary>
    public static ContainerdException TooLong(Mount mount, string what) =>
        new(ErrorKind.ResourceExhausted, $"Mounting {Describe(mount)}: {what}.") { Subject = mount.Source, Errno = Interop.E2BIG };

    public static ContainerdException MissingDirectory(Mount mount, string role, string path, int errno) =>
        new(Interop.KindOf(errno), $"Mounting {Describe(mount)}: {role} '{Excerpt.Of(path)}': {Interop.Describe(errno)}.") { Subject = path, Errno = errno };

    // Which layer it refuses the kernel tells only its log.
    private static string LayersOnOverlays(Mount mount)
    {
        if (!OverlayMount.TryParse(mount, out OverlayMount? overlay))
            return "";
        string?[] paths = [overlay.UpperDirectory, .. overlay.LowerDirectories];
        return string.Join(", ", paths.OfType<string>().Where(IsOnOverlay).Take(MaxNamed).Select(path => $"'{Excerpt.Of(path)}'"));
    }

    private static bool IsOnOverlay(string path)
    {
        using SafeFileHandle? directory = Interop.Sys.TryOpen(null, path, Interop.Sys.PathOnly, out _);
        return directory is not null && Interop.Sys.FileSystemOf(directory, out long type, out _) == 0 && type == Interop.Sys.OVERLAYFS_SUPER_MAGIC;
    }
}
