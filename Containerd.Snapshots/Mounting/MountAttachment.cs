using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Mounts on a directory: all of them, or none.</summary>
internal static class MountAttachment
{
    /// <summary>Makes one mount and has it attached at a place, and records it for the way back as soon as it is.</summary>
    public delegate void Step(MountRequest request, SafeFileHandle place, List<SafeFileHandle> attached);

    public static void Attach(List<MountRequest> requests, string target, Step step)
    {
        var attached = new List<SafeFileHandle>();
        SafeFileHandle root = MountPlace.OpenTarget(target);
        try
        {
            foreach (MountRequest request in requests)
            {
                using SafeFileHandle place = MountPlace.Open(root, request);
                int before = attached.Count;
                bool isRoot = MountPlace.IsRoot(root, place, request);
                step(request, place, attached);
                if (isRoot && attached.Count > before)
                {
                    root.Dispose();
                    root = MountPlace.Duplicate(attached[^1]);
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

    /// <summary>Attaches a detached mount at a place, and records it; it is disposed where that fails.</summary>
    public static void Move(MountRequest request, SafeFileHandle mount, SafeFileHandle place, List<SafeFileHandle> attached)
    {
        int errno = Sys.AttachMount(mount, place);
        if (errno != 0)
        {
            mount.Dispose();
            throw MountFailure.Of(request.Mount, "attaching it (move_mount)", errno);
        }
        attached.Add(mount);
    }
}
