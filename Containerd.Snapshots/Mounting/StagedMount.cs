using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>
/// Has a helper program mount in a temporary place, and takes the mount from there: a program is told a path, and on the way to a target others may have put a
/// link by the time it gets there.
/// </summary>
internal static class StagedMount
{
    /// <summary>The mount, in no mount table.</summary>
    public static SafeFileHandle Make(MountRequest request, MountSettings settings) => Use(request, settings, mount =>
        Sys.TryCloneMount(mount, recursive: false, out int errno) ?? throw MountFailure.Of(request.Mount, "taking it out of the mount table (open_tree)", errno));

    /// <summary>Moves the mount to a place, by mount(2).</summary>
    public static SafeFileHandle MakeAt(MountRequest request, MountSettings settings, SafeFileHandle place) => Use(request, settings, mount =>
    {
        int errno = Sys.Mount(Sys.PathOf(mount), Sys.PathOf(place), null, Sys.MS_MOVE, null);
        return errno == 0 ? MountPlace.Duplicate(mount) : throw MountFailure.Of(request.Mount, "moving it to the target (mount(2))", errno);
    });

    // What is mounted when the helper fails, or is killed because it takes too long, goes with the place.
    private static SafeFileHandle Use(MountRequest request, MountSettings settings, Func<SafeFileHandle, SafeFileHandle> use)
    {
        using TemporaryTree tree = settings.Temporary.NewTree();
        string path = tree.NewPlace();
        int before;
        using (SafeFileHandle place = MountPlace.OpenTarget(path))
            before = MountTable.IdOf(place);
        request.FuseHelper!.Mount(request, path);
        using SafeFileHandle mount = MountPlace.OpenTarget(path);
        return MountTable.IdOf(mount) != before
            ? use(mount)
            : throw new ContainerdException(ErrorKind.Unknown, $"Mounting {MountFailure.Describe(request.Mount)}: the helper program says that it has, and has not.") { Subject = request.Mount.Source };
    }
}
