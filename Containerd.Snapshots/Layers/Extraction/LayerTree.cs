using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>The tree that a layer goes into: a root that no path leads out of, and for an overlay what lies beneath.</summary>
internal sealed class LayerTree : IDisposable
{
    private readonly SafeFileHandle _root;
    private readonly List<SafeFileHandle> _lowers = [];
    private readonly MergedLookup _lookup;
    private readonly DirectoryCache _cache = new();
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
        if (_stale)
            _cache.Clear();
        _stale = false;
        if (_cache.TryGet(path, out TreeDirectory directory))
            return directory;
        SafeFileHandle handle = Resolve(path, create: true)!;
        try
        {
            Check(Interop.Files.Status(handle, out Interop.FileStatus status), "look at", path);
            DirectoryRecord record = Directories.Meet(status, path);
            record.Described |= path.IsEmpty; // no entry can describe the root
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
    public SafeFileHandle? Find(ReadOnlySpan<byte> path) => Resolve(path, create: false);

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

    public void Dispose()
    {
        _cache.Dispose();
        foreach (SafeFileHandle lower in _lowers)
            lower.Dispose();
        _root.Dispose();
    }

    private SafeFileHandle? Resolve(ReadOnlySpan<byte> path, bool create)
    {
        if (_confined)
        {
            Interop.FileResult result = Interop.Files.OpenBeneath(_root, path.IsEmpty ? "."u8 : path, out SafeFileHandle handle);
            if (result.Ok)
                return handle;
            // Refused by a seccomp profile or an old kernel: the other way from now on. Anything else it stops at, the other way sees through or names.
            if (result.ConfinedLookupUnavailable)
                _confined = false;
            else if (!result.LookupStopped && !result.Raced)
                throw result.ToException("open the directory", ArchiveText.Safe(path));
        }
        return _lookup.Open(path, create)?.Detach();
    }

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
