using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>An open directory of the tree, and the directories of lower layers that an overlay would merge with it, topmost first.</summary>
/// <param name="handle">The directory.</param>
/// <param name="lowers">Those beneath.</param>
/// <param name="hidesLowers">Whether it shows nothing of what lies beneath, whatever that is: it, or one that it is in, is opaque.</param>
internal sealed class MergedDirectory(SafeFileHandle handle, List<SafeFileHandle> lowers, bool hidesLowers) : IDisposable
{
    public SafeFileHandle Handle => handle;

    public IReadOnlyList<SafeFileHandle> Lowers => lowers;

    public bool HidesLowers => hidesLowers;

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
