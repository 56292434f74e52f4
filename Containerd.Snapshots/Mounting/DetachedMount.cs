using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>A tree of mounts that lives as long as the descriptor it was made by, or as it is mounted in a temporary place.</summary>
/// <param name="root">Its root: of mounts that are stacked there, the topmost.</param>
/// <param name="tree">What the tree ends with: the mount at the bottom, or the temporary place.</param>
internal sealed class DetachedMount(SafeFileHandle root, IDisposable tree) : IDetachedMount
{
    public string Path
    {
        get
        {
            ObjectDisposedException.ThrowIf(root.IsClosed, this);
            return Interop.Sys.PathOf(root);
        }
    }

    public void Dispose()
    {
        root.Dispose();
        tree.Dispose();
    }
}
