using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>
/// Mounts in a temporary place, which only this process uses and no path of others leads to, for what takes the mount from there. What it does not take goes
/// with the place, as does what a helper program had mounted when it failed or was killed.
/// </summary>
internal static class StagedMount
{
    /// <summary>What a helper program mounts, in no mount table.</summary>
    public static SafeFileHandle Make(MountRequest request, MountSettings settings)
    {
        SafeFileHandle? clone = null;
        Use(request, settings, (_, place) => request.FuseHelper!.Mount(request, new FileInfo(Sys.PathOf(place)).LinkTarget!), mount =>
            clone = Sys.TryCloneMount(mount, recursive: false, out int errno) ?? throw MountFailure.Of(request.Mount, "taking it out of the mount table (open_tree)", errno));
        return clone!;
    }

    /// <summary>Mounts, and uses the mount.</summary>
    /// <param name="request">The mount.</param>
    /// <param name="settings">Where the place is made.</param>
    /// <param name="make">Mounts on a place.</param>
    /// <param name="use">Takes the mount.</param>
    public static void Use(MountRequest request, MountSettings settings, Action<MountRequest, SafeFileHandle> make, Action<SafeFileHandle> use)
    {
        using TemporaryTree tree = settings.Temporary.NewTree();
        string path = tree.NewPlace(isFile: IsFile(request));
        int before;
        using (SafeFileHandle place = MountPlace.OpenTarget(path))
        {
            before = MountTable.IdOf(place);
            make(request, place);
        }
        using SafeFileHandle mount = MountPlace.OpenTarget(path);
        if (MountTable.IdOf(mount) == before)
            throw new ContainerdException(ErrorKind.Unknown, $"Mounting {MountFailure.Describe(request.Mount)}: it was said to be mounted, and is not.") { Subject = request.Mount.Source };
        use(mount);
    }

    // A file is mounted on a file. Where it is none by the time it is mounted, that fails.
    private static bool IsFile(MountRequest request)
    {
        using SafeFileHandle? source = request.IsBind ? Sys.TryOpen(null, request.Mount.Source, Sys.PathOnly, out _) : null;
        return source is not null && Sys.Status(source, "", out EntryStatus status) == 0 && !status.IsDirectory;
    }
}
