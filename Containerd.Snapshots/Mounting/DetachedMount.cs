using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>A tree of mounts that lives as long as the descriptor of its root, or as it is mounted in a temporary place.</summary>
/// <param name="root">The root.</param>
/// <param name="tree">The temporary place; null where the kernel needs none.</param>
internal sealed class DetachedMount(SafeFileHandle root, TemporaryTree? tree = null) : IDetachedMount
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
        tree?.Dispose();
    }
}
