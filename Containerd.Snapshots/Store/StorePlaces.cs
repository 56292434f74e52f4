using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>The places a store has trees in: its own directory, where all committed ones are, and those that any process has used for writable ones (C16).</summary>
internal sealed class StorePlaces : IDisposable
{
    private const int PrivateMode = 0x1C0; // 0700

    private readonly ConcurrentDictionary<string, TreePlace> _opened = new(StringComparer.Ordinal);

    public StorePlaces(TreePlace own) => Own = own;

    /// <summary>The store's own directory.</summary>
    public TreePlace Own { get; }

    /// <summary>Where new writable trees go, and its row; null for the store's own directory.</summary>
    public (TreePlace Place, long Row)? Writable { get; private set; }

    /// <summary>Opens the directory for writable trees, or makes it. Stores that share it have a directory in it each, named as the store.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="metadata">The store's metadata.</param>
    /// <param name="owner">Who is opening the store.</param>
    /// <param name="driver">What has to work there.</param>
    public void UseForWritable(string directory, MetadataStore metadata, string owner, TreeDriver driver)
    {
        string id = metadata.Read(PlaceTable.StoreId);
        string path = Path.Join(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)), id);
        StoreRoot.MakeParents(path);
        int errno = Sys.MakeDirectory(null, path, PrivateMode);
        if (errno is not (0 or EEXIST))
            throw Failure("Making the directory for writable trees", path, errno);
        TreePlace place = Open(path, make: true);
        _opened[path] = place;
        (long row, long probe) = metadata.Write(connection => (PlaceTable.Ensure(connection, path, isForeign: false), ReservationTable.Reserve(connection, 1, owner, 0)));
        Probe(place, probe, driver);
        Writable = (place, row);
    }

    // In the place of a tree, so that of a process killed here the clean-up finds it.
    private static void Probe(TreePlace place, long id, TreeDriver driver)
    {
        if (!place.TryMake(id))
            return; // power loss took the record that it was given out; an open before this one has tried it
        try
        {
            driver.Probe(Path.Join(place.Path, "layers", TreePlace.Name(id)));
        }
        finally
        {
            place.Discard(id, driver);
        }
    }

    /// <summary>The place of a tree of this store.</summary>
    /// <exception cref="ContainerdException">It cannot be opened: its disk is not mounted, perhaps.</exception>
    public TreePlace Of(TreeRecord tree) => tree.Place is null ? Own : At(tree.Place);

    public TreePlace At(string path)
    {
        if (_opened.TryGetValue(path, out TreePlace? known))
            return known;
        TreePlace opened = Open(path, make: false);
        TreePlace kept = _opened.GetOrAdd(path, opened);
        if (kept != opened)
            opened.Dispose();
        return kept;
    }

    public void Dispose()
    {
        foreach (TreePlace place in _opened.Values)
            place.Dispose();
    }

    private static TreePlace Open(string path, bool make)
    {
        using SafeFileHandle directory = Sys.TryOpen(null, path, Tmds.Linux.LibC.O_RDONLY | Tmds.Linux.LibC.O_DIRECTORY | Tmds.Linux.LibC.O_NOFOLLOW, out int errno)
            ?? throw Failure("Opening the directory for writable trees", path, errno);
        PrivateDirectory.Check(directory, "The directory for writable trees", path);
        return TreePlace.Open(directory, path, make);
    }
}
