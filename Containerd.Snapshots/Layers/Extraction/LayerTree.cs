using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>The tree that a layer goes into: a root that no path leads out of, and for an overlay what lies beneath.</summary>
internal sealed class LayerTree : IDisposable
{
    // Of more than that all are forgotten, with the paths that lead through them.
    private const int MaxFollowedLinks = 1024;

    private const int PathLength = 4097; // linux/limits.h PATH_MAX, and one more

    private readonly SafeFileHandle _root;
    private readonly List<SafeFileHandle> _lowers = [];
    private readonly MergedLookup _lookup;
    private readonly DirectoryCache _cache = new();
    private readonly byte[] _realPath = new byte[PathLength];
    private byte[]? _rootPath;
    private bool _confined, _stale;

    /// <summary>Opens a tree.</summary>
    /// <param name="root">The directory that the layer is written into.</param>
    /// <param name="overlay">Set where <paramref name="root"/> is the upper directory of an overlay that is not mounted; whiteouts are then made in its form.</param>
    /// <param name="useConfinedLookup">Whether openat2 may be used.</param>
    /// <param name="limits">How deep paths may lead, and how much of them may be made.</param>
    public LayerTree(string root, OverlayMount? overlay, bool useConfinedLookup, LayerLimits limits)
    {
        Directories = new DirectoryTable(limits);
        IsOverlay = overlay is not null;
        Attributes = new OverlayAttributes(overlay?.Options.Contains("userxattr") ?? false);
        _confined = useConfinedLookup;
        _root = OpenRoot(root);
        try
        {
            foreach (string lower in overlay?.LowerDirectories ?? [])
                _lowers.Add(OpenRoot(lower));
        }
        catch
        {
            Dispose();
            throw;
        }
        _lookup = new MergedLookup(_root, _lowers, Attributes, IsOverlay, limits);
    }

    public bool IsOverlay { get; }

    public OverlayAttributes Attributes { get; }

    public DirectoryTable Directories { get; }

    public IReadOnlyList<SafeFileHandle> Lowers => _lowers;

    /// <summary>Opens a directory for entries to be put into, making what is missing of it. The handle belongs to the tree, and is good until the next call.</summary>
    public TreeDirectory Open(ReadOnlySpan<byte> path)
    {
        if (_stale || _lookup.Followed.Count > MaxFollowedLinks)
        {
            _cache.Clear();
            _lookup.Followed.Clear();
        }
        _stale = false;
        if (_cache.TryGet(path, out TreeDirectory directory))
            return directory;
        SafeFileHandle handle = Resolve(path, create: true, out bool isDirect)!;
        try
        {
            Check(Interop.Files.Status(handle, out Interop.FileStatus status), "look at", path);
            ReadOnlySpan<byte> real = isDirect || Directories.Find(status) is not null ? path : RealPath(handle, path);
            DirectoryRecord record = Directories.Meet(status, path, real);
            record.Described |= record.IsRoot; // no entry can describe the root
            record.HasDefaultAcl ??= AccessControl.IsGivenBy(handle);
            directory = new TreeDirectory(handle, record);
            _cache.Add(path, directory);
            return directory;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Opens a directory of the tree as it is; null where it is missing. The caller closes it.</summary>
    public SafeFileHandle? Find(ReadOnlySpan<byte> path) => Resolve(path, create: false, out _);

    /// <summary>Opens a directory with the lower directories beneath it, making what is missing of it.</summary>
    public MergedDirectory OpenMerged(ReadOnlySpan<byte> path) => _lookup.Open(path, create: true)!;

    /// <summary>The number of directories that no entry had described when they were needed.</summary>
    public long ImpliedDirectories => _lookup.Made;

    /// <summary>
    /// To be called when a directory was removed that had been made on the way to something. It may have stood where a parent that the tree is given later has a link: then what was
    /// in it belongs elsewhere, and nothing else in the tree would tell.
    /// </summary>
    public void MarkReplaced()
    {
        Interop.FileResult result = Attributes.MarkReplaced(_root);
        if (!result.Ok && !result.Unsupported && !result.NotPermitted)
            throw result.ToException("mark", "the root of the tree");
    }

    /// <summary>To be called when a directory or a symbolic link was removed: paths through it lead elsewhere now. Handles stay open until the next <see cref="Open"/>.</summary>
    public void ForgetPaths() => _stale = true;

    /// <summary>To be called when something was made under a name, or a whiteout: paths through a link that a lower layer has there lead elsewhere now.</summary>
    public void Hide(DirectoryRecord directory, ReadOnlySpan<byte> name) => _stale |= _lookup.Followed.Contains(directory, name);

    public void Dispose()
    {
        _cache.Dispose();
        foreach (SafeFileHandle lower in _lowers)
            lower.Dispose();
        _root.Dispose();
    }

    // Direct is a way on which no link was followed, as far as is known.
    private SafeFileHandle? Resolve(ReadOnlySpan<byte> path, bool create, out bool isDirect)
    {
        isDirect = _confined;
        if (_confined)
        {
            ReadOnlySpan<byte> name = path.IsEmpty ? "."u8 : path;
            Interop.FileResult result = Interop.Files.OpenBeneath(_root, name, followLinks: false, out SafeFileHandle handle);
            if (result.IsLink)
            {
                isDirect = false;
                result = Interop.Files.OpenBeneath(_root, name, followLinks: true, out handle);
            }
            if (result.Ok)
                return handle;
            isDirect = false;
            // Refused by a seccomp profile or an old kernel: the other way from now on. Anything else it stops at, the other way sees through or names.
            if (result.ConfinedLookupUnavailable)
                _confined = false;
            else if (!result.LookupStopped && !result.Raced)
                throw result.ToException("open the directory", ArchiveText.Safe(path));
        }
        return _lookup.Open(path, create)?.Detach();
    }

    // Links may be replaced before the directory is looked for again; what the kernel says of its place is only believed where it is found there.
    private ReadOnlySpan<byte> RealPath(SafeFileHandle directory, ReadOnlySpan<byte> path)
    {
        _rootPath ??= PathOf(_root, _realPath) is { Length: > 0 } root ? root.TrimEnd((byte)'/').ToArray() : null;
        ReadOnlySpan<byte> prefix = _rootPath, full = PathOf(directory, _realPath);
        if (_rootPath is null || full.IsEmpty)
            return path;
        if (full.SequenceEqual(prefix))
            return default;
        return full.StartsWith(prefix) && full[prefix.Length..].StartsWith("/"u8) ? full[(prefix.Length + 1)..] : path;
    }

    // Empty where the kernel does not say.
    private static ReadOnlySpan<byte> PathOf(SafeFileHandle directory, Span<byte> room) =>
        Interop.Files.PathOf(directory, room, out int length).Ok ? room[..length] : default;

    private static SafeFileHandle OpenRoot(string path)
    {
        Interop.FileResult result = Interop.Files.OpenRoot(path, out SafeFileHandle handle);
        return result.Ok ? handle : throw result.ToException("open the directory", path);
    }

    private static void Check(Interop.FileResult result, string operation, ReadOnlySpan<byte> name)
    {
        if (!result.Ok)
            throw result.ToException(operation, ArchiveText.Safe(name));
    }
}
