using System.Globalization;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>A directory with trees, <c>layers/ID</c>, and beside them those to be deleted, <c>trash/ID</c>. Held open.</summary>
internal sealed class TreePlace : IDisposable
{
    private const int PrivateMode = 0x1C0; // 0700

    private TreePlace(string path, SafeFileHandle layers, SafeFileHandle trash)
    {
        Path = path;
        Layers = layers;
        Trashed = trash;
    }

    /// <summary>The directory that holds both.</summary>
    public string Path { get; }

    public SafeFileHandle Layers { get; }

    public SafeFileHandle Trashed { get; }

    /// <summary>Opens a place, making what is missing of it where <paramref name="make"/> says so.</summary>
    public static TreePlace Open(SafeFileHandle directory, string path, bool make)
    {
        SafeFileHandle layers = OpenOwn("layers");
        try
        {
            return new TreePlace(path, layers, OpenOwn("trash"));
        }
        catch
        {
            layers.Dispose();
            throw;
        }

        SafeFileHandle OpenOwn(string name)
        {
            int errno = make ? Sys.MakeDirectory(directory, name, PrivateMode) : 0;
            if (errno is not (0 or EEXIST))
                throw Failure($"Making '{name}' in", path, errno);
            return Sys.TryOpen(directory, name, Sys.ReadDirectoryOnly, out errno) ?? throw Failure($"Opening '{name}' in", path, errno);
        }
    }

    /// <summary>The directory of a tree's files: what mounts show.</summary>
    public string FilesOf(long id) => FilesOf(Path, id);

    public static string FilesOf(string place, long id) => string.Create(CultureInfo.InvariantCulture, $"{place}/layers/{id}/fs");

    /// <summary>The work directory beside it.</summary>
    public static string WorkOf(string place, long id) => string.Create(CultureInfo.InvariantCulture, $"{place}/layers/{id}/work");

    public bool Exists(long id) => Sys.Status(Layers, $"{Name(id)}/fs", out EntryStatus status) == 0 && status.IsDirectory;

    /// <summary>Makes the directory that a tree lies in; false where there is one of that name.</summary>
    public bool TryMake(long id)
    {
        int errno = Sys.MakeDirectory(Layers, Name(id), PrivateMode);
        return errno is 0 or EEXIST ? errno == 0 : throw Failure("Making the tree", FilesOf(id), errno);
    }

    /// <summary>Takes the lock of a tree, which excludes other commits of it; null where another has it. It ends with the handle.</summary>
    public SafeFileHandle? TryLock(long id)
    {
        SafeFileHandle tree = Sys.TryOpen(Layers, Name(id), Sys.ReadDirectoryOnly, out int errno) ?? throw Failure("Opening the tree", FilesOf(id), errno);
        bool isLocked = false;
        try
        {
            isLocked = Sys.TryLock(tree, FilesOf(id));
            return isLocked ? tree : null;
        }
        finally
        {
            if (!isLocked)
                tree.Dispose();
        }
    }

    public SafeFileHandle OpenFiles(long id) =>
        Sys.TryOpen(Layers, $"{Name(id)}/fs", Sys.ReadDirectoryOnly, out int errno) ?? throw Failure("Opening the tree", FilesOf(id), errno);

    /// <summary>Flushes the file system a tree lies on.</summary>
    public void Flush(long id)
    {
        using SafeFileHandle files = OpenFiles(id);
        int errno = Sys.SyncFileSystem(files);
        if (errno != 0)
            throw Failure("Flushing", FilesOf(id), errno);
    }

    /// <summary>Takes a tree away from where mounts find it, in constant time.</summary>
    /// <returns>Zero, or the error; ENOENT where another has done it.</returns>
    public int Trash(long id) => Sys.Rename(Layers, Name(id), Trashed, Name(id));

    /// <summary>Deletes a tree in the trash.</summary>
    public void EmptyTrash(long id, TreeDriver driver, CancellationToken cancellationToken) =>
        driver.Delete(Trashed, Name(id), string.Create(CultureInfo.InvariantCulture, $"{Path}/trash/{id}"), cancellationToken);

    /// <summary>Deletes what there is of a tree that was never used.</summary>
    public void Discard(long id, TreeDriver driver) =>
        driver.Delete(Layers, Name(id), string.Create(CultureInfo.InvariantCulture, $"{Path}/layers/{id}"), CancellationToken.None);

    /// <summary>The trees there are; what else lies there is told to <paramref name="foreign"/>.</summary>
    public List<long> ListLayers(Action<string>? foreign = null) => List(Layers, "layers", foreign);

    public List<long> ListTrash() => List(Trashed, "trash", null);

    public void Dispose()
    {
        Layers.Dispose();
        Trashed.Dispose();
    }

    public static string Name(long id) => id.ToString(CultureInfo.InvariantCulture);

    // A name that is not a number in its one form is nothing the store has made, so it is left alone.
    private List<long> List(SafeFileHandle directory, string name, Action<string>? foreign)
    {
        string path = System.IO.Path.Join(Path, name);
        var ids = new List<long>();
        // A handle of its own: the position in a directory belongs to the open file, which every caller shares otherwise.
        using SafeFileHandle listing = Sys.TryOpen(directory, ".", Sys.ReadDirectoryOnly, out int errno) ?? throw Failure("Reading directory", path, errno);
        DirectoryListing.Visit(listing, path, (entry, _) =>
        {
            ReadOnlySpan<byte> text = entry[..^1];
            if (text.Length is > 0 and < 19 && text[0] is >= (byte)'1' and <= (byte)'9' && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long id))
                ids.Add(id);
            else
                foreign?.Invoke(System.Text.Encoding.UTF8.GetString(text));
        });
        return ids;
    }
}
