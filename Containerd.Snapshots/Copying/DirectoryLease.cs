using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>A directory open for a while: closed by whoever opened it for this, left open where it is kept for others too.</summary>
internal readonly record struct DirectoryLease(SafeFileHandle Handle, bool IsOwned) : IDisposable
{
    public bool IsOpen => Handle is not null;

    public void Dispose()
    {
        if (IsOwned)
            Handle.Dispose();
    }
}
