using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Makes a mount in a temporary place and takes it out of the mount table: for what only a program can mount.</summary>
internal static class StagedMount
{
    public static SafeFileHandle Make(MountRequest request, MountSettings settings)
    {
        using TemporaryTree tree = settings.Temporary.NewTree();
        string path = tree.NewPlace();
        using SafeFileHandle place = MountPlace.OpenTarget(path);
        var attached = new List<SafeFileHandle>();
        try
        {
            new ClassicMounts(settings).MountAt(request, place, () => MountPlace.OpenTarget(path), attached);
            return Sys.TryCloneMount(attached[^1], recursive: false, out int errno)
                ?? throw MountFailure.Of(request.Mount, "taking it out of the mount table (open_tree)", errno);
        }
        finally
        {
            attached.ForEach(mount => mount.Dispose());
        }
    }
}
