using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>A tree of mounts that lives as long as the descriptor of its root.</summary>
internal sealed class DetachedMount(SafeFileHandle root) : IDetachedMount
{
    public string Path
    {
        get
        {
            ObjectDisposedException.ThrowIf(root.IsClosed, this);
            return Interop.Sys.PathOf(root);
        }
    }

    public void Dispose() => root.Dispose();
}
