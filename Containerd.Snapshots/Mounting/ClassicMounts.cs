using System.Text;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Mounting by mount(2), or by a helper program.</summary>
internal sealed class ClassicMounts(MountSettings settings)
{
    // copy_mount_options takes a page, the terminator included; 4 KiB is the smallest page of the architectures .NET runs on.
    private const int MaxDataBytes = 4095;

    /// <summary>Mounts at a place.</summary>
    /// <remarks>
    /// In a temporary place first, from where what is finished is moved: mount(2) returns no handle, and a path to the target leads elsewhere as soon as somebody
    /// renames in it. And until it is restricted a bind is as writable as its source, for whoever sees the target, and for good in copies that it propagates to.
    /// </remarks>
    public void MountAt(MountRequest request, SafeFileHandle place, List<SafeFileHandle> attached)
    {
        if (request.IsRemount)
        {
            Make(request, place);
            return;
        }
        StagedMount.Use(request, settings, Make, staged =>
        {
            Restrict(request, staged);
            if (request.IdMap is not null && request.Overlay is null)
            {
                // Only a mount in no mount table takes a map (M-12): so a clone takes its place.
                using SafeFileHandle userNamespace = IdMapNamespace.Open(request.Mount, request.IdMap);
                MountAttachment.Move(request, IdMappedMount.Clone(request.Mount, staged, userNamespace, readOnly: false, request.IsRecursiveBind), place, attached);
                return;
            }
            int errno = Sys.Mount(Sys.PathOf(staged), Sys.PathOf(place), null, Sys.MS_MOVE, null);
            if (errno != 0)
                throw MountFailure.Of(request.Mount, "moving it to the target (mount(2))", errno);
            attached.Add(MountPlace.Duplicate(staged));
        });
        if (request.PropagationAndScope != 0)
        {
            int errno = Sys.Mount(null, Sys.PathOf(attached[^1]), null, request.PropagationAndScope, null);
            if (errno != 0)
                throw MountFailure.Of(request.Mount, "setting its propagation (mount(2))", errno);
        }
    }

    private void Make(MountRequest request, SafeFileHandle place)
    {
        // A bind takes no other flag; the rest follows by remounting.
        ulong flags = request.IsBind && !request.IsRemount ? request.Flag & (Sys.MS_BIND | Sys.MS_REC) : request.Flag;
        if (request.IsRemount)
            flags |= KeptByRemount(request, place);
        if (request.Overlay is not null)
        {
            _ = OverlayDirectories.Use(request, settings, directories =>
            {
                Call(request, request.Mount.Source, place, flags, directories);
                return true;
            });
            return;
        }
        if (request.FuseHelper is not null)
        {
            request.FuseHelper.Mount(request, new FileInfo(Sys.PathOf(place)).LinkTarget!);
            return;
        }
        using LoopDevice? loop = request.IsRemount ? null : LoopDevice.For(request, settings.Limits);
        Call(request, loop?.Path ?? request.Mount.Source, place, flags, null);
    }

    private static void Call(MountRequest request, string source, SafeFileHandle place, ulong flags, OverlayDirectories? directories)
    {
        Mount mount = request.Mount;
        var opened = new List<SafeFileHandle>();
        try
        {
            string? data = request.IsBind ? null : directories is null ? Joined(mount, request.Data) : DataOf(request, directories, opened);
            string target = Sys.PathOf(place);
            int errno = directories?.CreatorOf(request) is { } creator
                ? Sys.CallAs(creator.User, creator.Group, () => Sys.Mount(source, target, mount.Type, flags, data))
                : Sys.Mount(source, target, mount.Type, flags, data);
            if (errno != 0)
                throw MountFailure.Of(mount, "mount(2)", errno);
        }
        finally
        {
            opened.ForEach(directory => directory.Dispose());
        }
    }

    // M-7. What does not fit by name is named by open directories, which is short whatever the paths are.
    private static string DataOf(MountRequest request, OverlayDirectories directories, List<SafeFileHandle> opened)
    {
        OverlayMount overlay = request.Overlay!;
        string[] own = [.. request.Data];
        string data = string.Join(',', (overlay with { Options = [.. own] }).ToMount().Options);
        // Opening also tells which directory is missing, where mount(2) says only that one is.
        OverlayMount byHandle = overlay with
        {
            UpperDirectory = ByHandle("upperdir", overlay.UpperDirectory),
            WorkDirectory = ByHandle("workdir", overlay.WorkDirectory),
            LowerDirectories = [.. overlay.LowerDirectories.Select(lower => ByHandle("lowerdir", lower)!)],
            Options = [.. own],
        };
        return !directories.AreMapped && Encoding.UTF8.GetByteCount(data) <= MaxDataBytes ? data : Joined(request.Mount, byHandle.ToMount().Options);

        string? ByHandle(string option, string? path)
        {
            if (path is null)
                return null;
            SafeFileHandle directory = directories.Open(option, path);
            opened.Add(directory);
            return Sys.PathOf(directory);
        }
    }

    private static string Joined(Mount mount, IEnumerable<string> options)
    {
        string data = string.Join(',', options);
        int bytes = Encoding.UTF8.GetByteCount(data);
        return bytes <= MaxDataBytes
            ? data
            : throw MountFailure.TooLong(mount, $"its options have {bytes} bytes, mount(2) takes {MaxDataBytes}; the new mount API (Linux 6.7) takes 500 layers");
    }

    private void Restrict(MountRequest request, SafeFileHandle mount)
    {
        if (!request.IsBind || request.MountFlags == 0)
            return;
        if (request.IsRecursiveBind && !settings.Limits.RestrictsOneByOne)
        {
            int errno = DescriptorMounts.Restrict(request, mount);
            if (errno == 0)
                return;
            if (errno is not (ENOSYS or EPERM)) // before Linux 5.12, or in a sandbox
                throw MountFailure.Of(request.Mount, "restricting the bind (mount_setattr)", errno);
        }
        RestrictOne(request, mount);
        if (!request.IsRecursiveBind)
            return;
        foreach (MountTableEntry child in MountTable.Read().DescendantsOf(MountTable.IdOf(mount)))
        {
            using SafeFileHandle? place = Sys.TryOpen(null, child.Path, Sys.PathOnly | Tmds.Linux.LibC.O_NOFOLLOW, out _);
            if (place is null || MountTable.IdOf(place) != child.Id)
                throw new ContainerdException(
                    ErrorKind.NotSupported,
                    $"Mounting {MountFailure.Describe(request.Mount)}: restricting the bind: what is mounted at '{Excerpt.Of(child.Path)}' in it cannot be reached, as another mount covers it or a rename was faster. Linux 5.12 has a call for all mounts at once.")
                { Subject = request.Mount.Source };
            RestrictOne(request, place);
        }
    }

    // M-9: a remount replaces all flags, so those the mount has are given again; in a user namespace they are locked and dropping one is refused.
    private static void RestrictOne(MountRequest request, SafeFileHandle mount)
    {
        int errno = Sys.FileSystemOf(mount, out _, out ulong flags);
        if (errno == 0)
        {
            errno = Sys.Mount(
                null, Sys.PathOf(mount), null, Sys.MS_REMOUNT | Sys.MS_BIND | request.MountFlags | MountFlagsOf(flags, request.MountFlags), null);
        }
        if (errno != 0)
            throw MountFailure.Of(request.Mount, "restricting the bind (remount)", errno);
    }

    // A remount replaces all flags, as above: what no word lifts stays. Of a bind it is for the mount alone, else for the file system too: that is read-only for all
    // who see it, which a mount of it that is read-only by itself is no reason for.
    private static ulong KeptByRemount(MountRequest request, SafeFileHandle place)
    {
        if (Sys.FileSystemOf(place, out _, out ulong flags) != 0)
            return 0; // remounting it tells why
        const ulong Times = Sys.MS_NOATIME | Sys.MS_RELATIME | Sys.MS_STRICTATIME;
        ulong kept = MountFlagsOf(flags, request.NamedFlags & Times) & ~request.NamedFlags;
        return request.IsBind || MountTable.EntryOf(place)?.IsReadOnlyFileSystem == true ? kept : kept & ~Sys.MS_RDONLY;
    }

    // linux/statfs.h: the ST_ flags up to ST_NODIRATIME have the values of their MS_ twins, the later ones do not.
    private static ulong MountFlagsOf(ulong statfsFlags, ulong wanted)
    {
        const ulong Same = Sys.MS_RDONLY | Sys.MS_NOSUID | Sys.MS_NODEV | Sys.MS_NOEXEC | Sys.MS_NODIRATIME;
        const ulong ST_NOATIME = 1024, ST_RELATIME = 4096, ST_NOSYMFOLLOW = 8192;
        ulong flags = statfsFlags & Same;
        if ((statfsFlags & ST_NOSYMFOLLOW) != 0)
            flags |= Sys.MS_NOSYMFOLLOW;
        if ((wanted & (Sys.MS_NOATIME | Sys.MS_RELATIME | Sys.MS_STRICTATIME)) == 0)
        {
            if ((statfsFlags & ST_NOATIME) != 0)
                flags |= Sys.MS_NOATIME;
            else
                flags |= (statfsFlags & ST_RELATIME) != 0 ? Sys.MS_RELATIME : Sys.MS_STRICTATIME;
        }
        return flags;
    }
}
