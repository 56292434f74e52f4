using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>A directory to try a driver in, which goes when disposed. A process that is killed leaves it behind, so it is never taken for somebody's file.</summary>
internal sealed class ProbeDirectory : IDisposable
{
    private const string Prefix = ".probe-";
    private const int PrivateMode = 0x1C0; // 0700

    private readonly SafeFileHandle _parent;
    private readonly string _parentPath;
    private readonly string _name;

    private ProbeDirectory(SafeFileHandle parent, string parentPath, string name)
    {
        _parent = parent;
        _parentPath = parentPath;
        _name = name;
    }

    private string Path => System.IO.Path.Join(_parentPath, _name);

    public static bool IsName(string name) => name.StartsWith(Prefix, StringComparison.Ordinal);

    public static ProbeDirectory Make(SafeFileHandle parent, string parentPath, string snapshotter)
    {
        string name = $"{Prefix}{snapshotter}-{Guid.NewGuid():N}";
        int errno = Sys.MakeDirectory(parent, name, PrivateMode);
        return errno == 0 ? new ProbeDirectory(parent, parentPath, name) : throw Failure("Making a directory to try snapshotters in", parentPath, errno);
    }

    /// <summary>Has a driver try itself.</summary>
    /// <exception cref="ContainerdException">It does not work; the message says why, and names the directory that the question is about, not this one.</exception>
    public void Try(TreeDriver driver)
    {
        try
        {
            driver.Probe(Path);
        }
        catch (ContainerdException e)
        {
            throw new ContainerdException(e.Kind, e.Message.Replace(Path, _parentPath, StringComparison.Ordinal), e) { Subject = _parentPath, Errno = e.Errno };
        }
    }

    public void Dispose() => TreeRemoval.Remove(_parent, _name, Path, CancellationToken.None);
}
