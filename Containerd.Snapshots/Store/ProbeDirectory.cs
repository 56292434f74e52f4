using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>A directory to try a driver in, which goes when disposed. A process that is killed leaves it behind, so it is never taken for somebody's file.</summary>
internal sealed class ProbeDirectory : IDisposable
{
    private const string Prefix = ".probe-";
    private const int PrivateMode = 0x1C0; // 0700

    private readonly SafeFileHandle _parent;
    private readonly string _name;

    private ProbeDirectory(SafeFileHandle parent, string name, string path)
    {
        _parent = parent;
        _name = name;
        Path = path;
    }

    public string Path { get; }

    public static bool IsName(string name) => name.StartsWith(Prefix, StringComparison.Ordinal);

    public static ProbeDirectory Make(SafeFileHandle parent, string parentPath, string snapshotter)
    {
        string name = $"{Prefix}{snapshotter}-{Guid.NewGuid():N}", path = System.IO.Path.Join(parentPath, name);
        int errno = Sys.MakeDirectory(parent, name, PrivateMode);
        return errno == 0 ? new ProbeDirectory(parent, name, path) : throw Failure("Making a directory to try snapshotters in", path, errno);
    }

    public void Dispose() => TreeRemoval.Remove(_parent, _name, Path, CancellationToken.None);
}
