using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>An open directory of the tree, and the directories of lower layers that an overlay would merge with it, topmost first.</summary>
internal sealed class MergedDirectory(SafeFileHandle handle, List<SafeFileHandle> lowers) : IDisposable
{
    public SafeFileHandle Handle => handle;

    public IReadOnlyList<SafeFileHandle> Lowers => lowers;

    public void Dispose()
    {
        handle.Dispose();
        DisposeLowers();
    }

    /// <summary>Gives the handle away and closes the rest.</summary>
    public SafeFileHandle Detach()
    {
        DisposeLowers();
        return handle;
    }

    private void DisposeLowers()
    {
        foreach (SafeFileHandle lower in lowers)
            lower.Dispose();
    }
}
