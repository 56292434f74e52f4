using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Mounting by the new mount API: a mount is made in no mount table, then attached.</summary>
internal sealed class DescriptorMounts(MountSettings settings)
{
    /// <summary>Whether the kernel has the calls at all (a sandbox may have it say no).</summary>
    public static bool IsSupported { get; } = Probe();

    /// <summary>Mounts at a place.</summary>
    public void MountAt(MountRequest request, SafeFileHandle place, List<SafeFileHandle> attached)
    {
        SafeFileHandle mount = Make(request);
        MountAttachment.Move(request, mount, place, attached);
        SetPropagation(request, mount);
    }

    /// <summary>The mounts as one tree that is in no mount table and ends when disposed; null where the kernel attaches nothing inside such a tree.</summary>
    public DetachedMount? TryAssemble(List<MountRequest> requests)
    {
        if (requests.Count > 1 && settings.Limits.AttachesTrees)
            return null;
        SafeFileHandle tree = Make(requests[0]);
        SafeFileHandle root = tree;
        bool whole = false;
        try
        {
            SetPropagation(requests[0], tree);
            foreach (MountRequest request in requests.Skip(1))
            {
                using SafeFileHandle place = MountPlace.Open(root, request);
                bool isRoot = MountPlace.IsRoot(root, place, request);
                using SafeFileHandle mount = Make(request);
                int errno = Sys.AttachMount(mount, place);
                if (errno == EINVAL)
                    return null;
                if (errno != 0)
                    throw MountFailure.Of(request.Mount, "attaching it (move_mount)", errno);
                SetPropagation(request, mount);
                // What lies above the first mount, at the root too, is kept by its handle.
                if (isRoot)
                {
                    if (root != tree)
                        root.Dispose();
                    root = MountPlace.Duplicate(mount);
                }
            }
            whole = true;
            return new DetachedMount(root, tree);
        }
        finally
        {
            if (!whole)
            {
                root.Dispose();
                tree.Dispose();
            }
        }
    }

    private SafeFileHandle Make(MountRequest request)
    {
        using SafeFileHandle? userNamespace = request.IdMap is null || request.Overlay is not null ? null : IdMapNamespace.Open(request.Mount, request.IdMap);
        SafeFileHandle mount = request switch
        {
            { FuseHelper: not null } => StagedMount.Make(request, settings),
            { IsBind: true } => MakeBind(request),
            { Overlay: not null } => MakeOverlay(request),
            _ => MakeFileSystem(request),
        };
        try
        {
            if (userNamespace is not null)
            {
                using SafeFileHandle? origin = request.IsBind ? MountPlace.OpenTarget(request.Mount.Source) : null;
                IdMappedMount.Map(request.Mount, mount, userNamespace, readOnly: false, request.IsRecursiveBind, origin);
            }
            return mount;
        }
        catch
        {
            mount.Dispose();
            throw;
        }
    }

    private static SafeFileHandle MakeBind(MountRequest request)
    {
        Mount mount = request.Mount;
        SafeFileHandle clone = Sys.TryCloneMount(mount.Source, request.IsRecursiveBind, out int errno)
            ?? throw MountFailure.Of(mount, "binding the source (open_tree)", errno);
        try
        {
            errno = Restrict(request, clone);
            return errno == 0 ? clone : throw MountFailure.Of(mount, "setting its attributes (mount_setattr)", errno);
        }
        catch
        {
            clone.Dispose();
            throw;
        }
    }

    /// <summary>Gives a bind the attributes it was asked to have; of a recursive one they hold for every mount in it.</summary>
    public static int Restrict(MountRequest request, SafeFileHandle bind)
    {
        // They are only ever added: what the source forbids, its binding forbids.
        ulong attributes = AttributesOf(request.MountFlags);
        bool setsTime = (request.MountFlags & (Sys.MS_NOATIME | Sys.MS_STRICTATIME | Sys.MS_RELATIME)) != 0;
        return attributes == 0 && !setsTime ? 0 : Sys.SetMountAttributes(bind, attributes, setsTime ? Sys.MOUNT_ATTR__ATIME : 0, 0, request.IsRecursiveBind);
    }

    private SafeFileHandle MakeOverlay(MountRequest request) => OverlayDirectories.Use(request, settings, directories =>
    {
        using FileSystemContext context = FileSystemContext.Open(request.Mount, settings.Limits.ReadsOverlayOptionsLate);
        if (request.Mount.Source.Length > 0)
            context.SetString("source", request.Mount.Source);
        SetDirectories(context, request.Overlay!, directories);
        SetOptions(context, request);
        return context.MakeMount(AttributesOf(request.MountFlags), directories.CreatorOf(request));
    });

    private SafeFileHandle MakeFileSystem(MountRequest request)
    {
        Mount mount = request.Mount;
        using LoopDevice? loop = LoopDevice.For(request, settings.Limits);
        using FileSystemContext context = FileSystemContext.Open(mount);
        string source = loop?.Path ?? mount.Source;
        if (source.Length > 0)
            context.SetString("source", source);
        SetOptions(context, request);
        return context.MakeMount(AttributesOf(request.MountFlags));
    }

    private static void SetOptions(FileSystemContext context, MountRequest request)
    {
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
    }

    private void SetDirectories(FileSystemContext context, OverlayMount overlay, OverlayDirectories directories)
    {
        OverlayForm newest = settings.Limits.NewestOverlayForm;
        if (overlay.UpperDirectory is not null)
        {
            SetDirectory(context, directories, "upperdir", overlay.UpperDirectory, newest, escapes: true);
            SetDirectory(context, directories, "workdir", overlay.WorkDirectory!, newest, escapes: true);
        }
        foreach (string lower in overlay.LowerDirectories)
        {
            if (newest < OverlayForm.OneValue && !context.IsLate && SetDirectory(context, directories, "lowerdir+", lower, newest, escapes: false))
                continue;
            // Before Linux 6.7 the layers are one value; of the 255 bytes it may have, descriptors' names take fewest.
            SetLowerDirectories(context, overlay, directories);
            return;
        }
    }

    // False where the kernel does not take layers one by one.
    private static bool SetDirectory(FileSystemContext context, OverlayDirectories directories, string option, string path, OverlayForm newest, bool escapes)
    {
        SafeFileHandle directory = context.Keep(directories.Open(option, path));
        if (newest == OverlayForm.Handles && context.TrySetHandle(option, directory))
        {
            directory.Dispose();
            return true;
        }
        bool asItIs = !directories.AreMapped && FileSystemContext.Fits(path) && !(escapes && path.AsSpan().ContainsAny('\\', ',', ':'));
        string value = asItIs ? path : Sys.PathOf(directory);
        if (option == "lowerdir+")
            return !context.IsLate && context.TrySetString(option, value);
        context.SetString(option, value);
        return true;
    }

    private static void SetLowerDirectories(FileSystemContext context, OverlayMount overlay, OverlayDirectories directories)
    {
        string value = string.Join(':', overlay.LowerDirectories.Select(lower => Sys.PathOf(context.Keep(directories.Open("lowerdir", lower)))));
        if (!FileSystemContext.Fits(value))
            throw context.TooLong($"this kernel takes {overlay.LowerDirectories.Length} layers only by mount(2), or from Linux 6.7 on");
        context.SetString("lowerdir", value);
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
