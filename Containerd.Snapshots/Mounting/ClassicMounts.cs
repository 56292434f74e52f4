using System.Text;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Mounting by mount(2).</summary>
internal static class ClassicMounts
{
    // copy_mount_options takes a page, the terminator included; 4 KiB is the smallest page of the architectures .NET runs on.
    private const int MaxDataBytes = 4095;

    public static void Attach(List<MountRequest> requests, string target)
    {
        var attached = new List<SafeFileHandle>();
        SafeFileHandle root = MountPlace.OpenTarget(target);
        try
        {
            foreach (MountRequest request in requests)
            {
                using SafeFileHandle place = MountPlace.Open(root, request);
                Make(request, place);
                if (request.IsRemount)
                    continue;

                SafeFileHandle mount = request.IsRoot ? MountPlace.OpenTarget(target) : MountPlace.Open(root, request);
                attached.Add(mount);
                if (MountTable.IdOf(mount) == MountTable.IdOf(place))
                {
                    attached.RemoveAt(attached.Count - 1);
                    mount.Dispose();
                    throw new ContainerdException(
                        ErrorKind.NotSupported,
                        $"Mounting {MountFailure.Describe(request.Mount)}: the target '{Excerpt.Of(target)}' does not lead to what mount(2) mounted there; the mount stays.")
                    { Subject = target };
                }
                Finish(request, mount);
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

    private static void Make(MountRequest request, SafeFileHandle place)
    {
        Mount mount = request.Mount;
        var directories = new List<SafeFileHandle>();
        try
        {
            string? data = request.IsBind ? null : DataOf(request, directories);
            // A bind takes no other flag; the rest follows by remounting.
            ulong flags = request.IsBind && !request.IsRemount ? request.Flag & (Sys.MS_BIND | Sys.MS_REC) : request.Flag;
            int errno = Sys.Mount(mount.Source, Sys.PathOf(place), mount.Type, flags, data);
            if (errno != 0)
                throw MountFailure.Of(mount, "mount(2)", errno);
        }
        finally
        {
            directories.ForEach(directory => directory.Dispose());
        }
    }

    // M-7. What does not fit by name is named by open directories, which is short whatever the paths are.
    private static string DataOf(MountRequest request, List<SafeFileHandle> directories)
    {
        if (request.Overlay is not { } overlay)
            return Joined(request.Mount, request.Data);

        string[] own = [.. request.Data];
        IEnumerable<string> written = (overlay with { Options = [.. own] }).ToMount().Options;
        string data = string.Join(',', written);
        // Opening also tells which directory is missing, where mount(2) says only that one is.
        OverlayMount byHandle = overlay with
        {
            UpperDirectory = ByHandle("upperdir", overlay.UpperDirectory),
            WorkDirectory = ByHandle("workdir", overlay.WorkDirectory),
            LowerDirectories = [.. overlay.LowerDirectories.Select(lower => ByHandle("lowerdir", lower)!)],
            Options = [.. own],
        };
        return Encoding.UTF8.GetByteCount(data) <= MaxDataBytes ? data : Joined(request.Mount, byHandle.ToMount().Options);

        string? ByHandle(string option, string? path)
        {
            if (path is null)
                return null;
            SafeFileHandle directory = MountPlace.OpenDirectory(request.Mount, option, path);
            directories.Add(directory);
            return Sys.PathOf(directory);
        }
    }

    private static string Joined(Mount mount, IEnumerable<string> options)
    {
        string data = string.Join(',', options);
        int bytes = Encoding.UTF8.GetByteCount(data);
        return bytes <= MaxDataBytes
            ? data
            : throw MountFailure.TooLong(mount, $"its options have {bytes} bytes, mount(2) takes {MaxDataBytes}; the new mount API (Linux 6.7) takes any number of layers");
    }

    private static void Finish(MountRequest request, SafeFileHandle mount)
    {
        if (request.IsBind && request.MountFlags != 0)
        {
            Restrict(request, mount);
            if (request.IsRecursiveBind)
            {
                foreach (MountTableEntry child in MountTable.Read().DescendantsOf(MountTable.IdOf(mount)))
                {
                    using SafeFileHandle place = MountPlace.OpenTarget(child.Path);
                    Restrict(request, place);
                }
            }
        }
        if (request.PropagationAndScope != 0)
        {
            int errno = Sys.Mount(null, Sys.PathOf(mount), null, request.PropagationAndScope, null);
            if (errno != 0)
                throw MountFailure.Of(request.Mount, "setting its propagation (mount(2))", errno);
        }
    }

    // M-9: a remount replaces all flags, so those the mount has are given again; in a user namespace they are locked and dropping one is refused.
    private static void Restrict(MountRequest request, SafeFileHandle mount)
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
