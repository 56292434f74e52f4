using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Mounting by the new mount API: a mount is made in no mount table, then attached.</summary>
internal static class DescriptorMounts
{
    /// <summary>Whether the kernel has the calls at all (a sandbox may have it say no).</summary>
    public static bool IsSupported { get; } = Probe();

    public static void Attach(List<MountRequest> requests, string target, OverlayForm newest)
    {
        var attached = new List<SafeFileHandle>();
        SafeFileHandle root = MountPlace.OpenTarget(target);
        try
        {
            foreach (MountRequest request in requests)
            {
                using SafeFileHandle place = MountPlace.Open(root, request);
                SafeFileHandle mount = Make(request, newest);
                attached.Add(mount);
                int errno = Sys.AttachMount(mount, place);
                if (errno != 0)
                {
                    attached.RemoveAt(attached.Count - 1);
                    mount.Dispose();
                    throw MountFailure.Of(request.Mount, "attaching it (move_mount)", errno);
                }
                SetPropagation(request, mount);
                if (request.IsRoot)
                {
                    root.Dispose();
                    root = MountPlace.Duplicate(mount);
                }
            }
        }
        catch (Exception failure)
        {
            MountPlace.Rollback(attached, failure);
            throw;
        }
        finally
        {
            root.Dispose();
            attached.ForEach(mount => mount.Dispose());
        }
    }

    /// <summary>The mounts as one tree that is in no mount table; it ends with the handle.</summary>
    public static SafeFileHandle Assemble(List<MountRequest> requests, OverlayForm newest)
    {
        if (!requests[0].IsRoot)
            throw new ContainerdException(ErrorKind.InvalidArgument, "Mounting a detached tree: the first mount has to be its root.") { Subject = requests[0].Mount.Target };

        SafeFileHandle root = Make(requests[0], newest);
        try
        {
            SetPropagation(requests[0], root);
            foreach (MountRequest request in requests.Skip(1))
            {
                using SafeFileHandle place = MountPlace.Open(root, request);
                using SafeFileHandle mount = Make(request, newest);
                int errno = Sys.AttachMount(mount, place);
                if (errno == EINVAL)
                {
                    throw new ContainerdException(
                        ErrorKind.NotSupported,
                        $"Mounting {MountFailure.Describe(request.Mount)}: this kernel cannot attach a mount inside a detached tree (Linux 6.15 can). Mount it on a directory instead.")
                    { Subject = request.Mount.Source, Errno = errno };
                }
                if (errno != 0)
                    throw MountFailure.Of(request.Mount, "attaching it (move_mount)", errno);
                SetPropagation(request, mount);
            }
            return root;
        }
        catch
        {
            root.Dispose();
            throw;
        }
    }

    private static SafeFileHandle Make(MountRequest request, OverlayForm newest) =>
        request.IsBind ? MakeBind(request) : MakeFileSystem(request, newest);

    private static SafeFileHandle MakeBind(MountRequest request)
    {
        Mount mount = request.Mount;
        SafeFileHandle clone = Sys.TryCloneMount(mount.Source, request.IsRecursiveBind, out int errno)
            ?? throw MountFailure.Of(mount, "binding the source (open_tree)", errno);
        try
        {
            // Attributes are only ever added: what the source forbids, its binding forbids. Of a recursive bind they hold for every mount in it.
            ulong attributes = AttributesOf(request.MountFlags);
            bool setsTime = (request.MountFlags & (Sys.MS_NOATIME | Sys.MS_STRICTATIME | Sys.MS_RELATIME)) != 0;
            if (attributes != 0 || setsTime)
            {
                errno = Sys.SetMountAttributes(clone, attributes, setsTime ? Sys.MOUNT_ATTR__ATIME : 0, 0, request.IsRecursiveBind);
                if (errno != 0)
                    throw MountFailure.Of(mount, "setting its attributes (mount_setattr)", errno);
            }
            return clone;
        }
        catch
        {
            clone.Dispose();
            throw;
        }
    }

    private static SafeFileHandle MakeFileSystem(MountRequest request, OverlayForm newest)
    {
        Mount mount = request.Mount;
        using FileSystemContext context = FileSystemContext.Open(mount);
        if (mount.Source.Length > 0)
            context.SetString("source", mount.Source);
        if (request.Overlay is { } overlay)
            SetDirectories(context, mount, overlay, newest);
        foreach (string option in request.Data)
        {
            int equals = option.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
                context.SetFlag(option);
            else
                context.SetString(option[..equals], Unquote(option[(equals + 1)..]));
        }
        foreach ((ulong flag, string word) in (ReadOnlySpan<(ulong, string)>)[
            (Sys.MS_RDONLY, "ro"), (Sys.MS_SYNCHRONOUS, "sync"), (Sys.MS_DIRSYNC, "dirsync"), (Sys.MS_MANDLOCK, "mand"), (Sys.MS_LAZYTIME, "lazytime")])
        {
            if ((request.Flag & flag) != 0)
                context.SetFlag(word);
        }
        return context.MakeMount(AttributesOf(request.MountFlags));
    }

    private static void SetDirectories(FileSystemContext context, Mount mount, OverlayMount overlay, OverlayForm newest)
    {
        if (overlay.UpperDirectory is not null)
        {
            SetDirectory(context, mount, "upperdir", overlay.UpperDirectory, newest, escapes: true);
            SetDirectory(context, mount, "workdir", overlay.WorkDirectory!, newest, escapes: true);
        }
        foreach (string lower in overlay.LowerDirectories)
        {
            if (newest < OverlayForm.OneValue && SetDirectory(context, mount, "lowerdir+", lower, newest, escapes: false))
                continue;
            // Before Linux 6.7 the layers are one value; of the 255 bytes it may have, descriptors' names take fewest.
            SetLowerDirectories(context, mount, overlay);
            return;
        }
    }

    // A text is resolved by the kernel when it is set, so a handle it names may be closed afterwards.
    private static bool SetDirectory(FileSystemContext context, Mount mount, string option, string path, OverlayForm newest, bool escapes)
    {
        using SafeFileHandle directory = MountPlace.OpenDirectory(mount, option, path);
        if (newest == OverlayForm.Handles && context.TrySetHandle(option, directory))
            return true;
        bool asItIs = FileSystemContext.Fits(path) && !(escapes && path.AsSpan().ContainsAny('\\', ',', ':'));
        string value = asItIs ? path : Sys.PathOf(directory);
        if (option == "lowerdir+")
            return context.TrySetString(option, value);
        context.SetString(option, value);
        return true;
    }

    private static void SetLowerDirectories(FileSystemContext context, Mount mount, OverlayMount overlay)
    {
        var directories = new List<SafeFileHandle>();
        try
        {
            foreach (string lower in overlay.LowerDirectories)
                directories.Add(MountPlace.OpenDirectory(mount, "lowerdir", lower));
            string value = string.Join(':', directories.Select(Sys.PathOf));
            if (!FileSystemContext.Fits(value))
                throw MountFailure.TooLong(mount, $"this kernel takes {overlay.LowerDirectories.Length} layers only by mount(2), or from Linux 6.7 on");
            context.SetString("lowerdir", value);
        }
        finally
        {
            directories.ForEach(directory => directory.Dispose());
        }
    }

    private static void SetPropagation(MountRequest request, SafeFileHandle mount)
    {
        if (request.PropagationAndScope == 0)
            return;
        bool recursive = (request.PropagationAndScope & Sys.MS_REC) != 0;
        int errno = Sys.SetMountAttributes(mount, 0, 0, request.PropagationAndScope & ~Sys.MS_REC, recursive);
        if (errno != 0)
            throw MountFailure.Of(request.Mount, "setting its propagation (mount_setattr)", errno);
    }

    private static ulong AttributesOf(ulong flags)
    {
        ulong attributes = 0;
        foreach ((ulong flag, ulong attribute) in (ReadOnlySpan<(ulong, ulong)>)[
            (Sys.MS_RDONLY, Sys.MOUNT_ATTR_RDONLY), (Sys.MS_NOSUID, Sys.MOUNT_ATTR_NOSUID), (Sys.MS_NODEV, Sys.MOUNT_ATTR_NODEV),
            (Sys.MS_NOEXEC, Sys.MOUNT_ATTR_NOEXEC), (Sys.MS_NODIRATIME, Sys.MOUNT_ATTR_NODIRATIME), (Sys.MS_NOSYMFOLLOW, Sys.MOUNT_ATTR_NOSYMFOLLOW)])
        {
            if ((flags & flag) != 0)
                attributes |= attribute;
        }
        // A choice of one, of which relatime is zero; mount(2) has strictatime win over relatime, and noatime over both.
        if ((flags & Sys.MS_NOATIME) != 0)
            attributes |= Sys.MOUNT_ATTR_NOATIME;
        else if ((flags & Sys.MS_STRICTATIME) != 0)
            attributes |= Sys.MOUNT_ATTR_STRICTATIME;
        return attributes;
    }

    // Quotes keep commas (SELinux contexts) from separating options in the text form; fsconfig takes the value bare.
    private static string Unquote(string value) => value is ['"', .., '"'] ? value[1..^1] : value;

    private static bool Probe()
    {
        SafeFileHandle? context = Sys.TryOpenFileSystem("tmpfs", out int errno);
        context?.Dispose();
        return errno != ENOSYS;
    }
}
