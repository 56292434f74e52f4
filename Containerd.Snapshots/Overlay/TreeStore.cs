using System.Globalization;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>The directories of trees: made, found, put into the trash, deleted.</summary>
internal sealed class TreeStore(StoreRoot root)
{
    private const int PrivateMode = 0x1C0; // 0700
    private const int FileMode = 0x1ED; // 0755, S-17
    private const int WorkMode = 0x1C9; // 0711

    /// <summary>The directory of a tree's files: what mounts show.</summary>
    public string FilesOf(long id) => string.Create(CultureInfo.InvariantCulture, $"{root.Path}/layers/{id}/fs");

    /// <summary>The work directory beside it.</summary>
    public string WorkOf(long id) => string.Create(CultureInfo.InvariantCulture, $"{root.Path}/layers/{id}/work");

    public bool Exists(long id) => Sys.Status(root.Layers, $"{Name(id)}/fs", out EntryStatus status) == 0 && status.IsDirectory;

    /// <summary>Makes the directories of an empty tree.</summary>
    /// <param name="id">Its ID.</param>
    /// <param name="parentId">The tree directly beneath, whose root gives owner and mode (S-17); null for none.</param>
    /// <param name="writable">Whether it is to be the upper directory of an overlay.</param>
    public void Make(long id, long? parentId, bool writable)
    {
        string name = Name(id);
        Check(Sys.MakeDirectory(root.Layers, name, PrivateMode), id);
        Check(Sys.MakeDirectory(root.Layers, $"{name}/fs", FileMode), id);
        if (writable)
            Check(Sys.MakeDirectory(root.Layers, $"{name}/work", WorkMode), id);

        using SafeFileHandle? files = Sys.TryOpen(root.Layers, $"{name}/fs", Sys.ReadDirectoryOnly, out int errno);
        Check(errno, id);
        int mode = FileMode;
        if (parentId is { } parent)
        {
            errno = Sys.Status(root.Layers, $"{Name(parent)}/fs", out EntryStatus status);
            if (errno != 0)
                throw Failure("Reading the owner of the parent's tree", FilesOf(parent), errno);
            Check(Sys.SetOwner(files!, status.UserId, status.GroupId), id);
            mode = status.Permissions;
        }
        // After the owner, as changing that clears set-id bits; and in any case, as the umask has had its way with mkdir.
        Check(Sys.SetMode(files!, mode), id);
    }

    /// <summary>Flushes the file system a tree lies on.</summary>
    public void Flush(long id)
    {
        SafeFileHandle files = Sys.TryOpen(root.Layers, $"{Name(id)}/fs", Sys.ReadDirectoryOnly, out int errno) ?? throw Failure("Flushing", FilesOf(id), errno);
        using (files)
            errno = Sys.SyncFileSystem(files);
        if (errno != 0)
            throw Failure("Flushing", FilesOf(id), errno);
    }

    /// <summary>Takes a tree away from where mounts find it, in constant time.</summary>
    /// <returns>Zero, or the error; ENOENT where another has done it.</returns>
    public int Trash(long id) => Sys.Rename(root.Layers, Name(id), root.Trash, Name(id));

    public void EmptyTrash(long id, CancellationToken cancellationToken) =>
        TreeRemoval.Remove(root.Trash, Name(id), string.Create(CultureInfo.InvariantCulture, $"{root.Path}/trash/{id}"), cancellationToken);

    /// <summary>Deletes what there is of a tree that was never used.</summary>
    public void Discard(long id) =>
        TreeRemoval.Remove(root.Layers, Name(id), string.Create(CultureInfo.InvariantCulture, $"{root.Path}/layers/{id}"), CancellationToken.None);

    public List<long> ListLayers() => List(root.Layers, "layers");

    public List<long> ListTrash() => List(root.Trash, "trash");

    // A name that is not a number in its one form is nothing the store has made, so it is left alone.
    private List<long> List(SafeFileHandle directory, string name)
    {
        string path = Path.Join(root.Path, name);
        var ids = new List<long>();
        // A handle of its own: the position in a directory belongs to the open file, which every caller shares otherwise.
        using SafeFileHandle listing = Sys.TryOpen(directory, ".", Sys.ReadDirectoryOnly, out int errno) ?? throw Failure("Reading directory", path, errno);
        DirectoryListing.Visit(listing, path, (entry, _) =>
        {
            ReadOnlySpan<byte> text = entry[..^1];
            if (text.Length is > 0 and < 19 && text[0] is >= (byte)'1' and <= (byte)'9' && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long id))
                ids.Add(id);
        });
        return ids;
    }

    private static string Name(long id) => id.ToString(CultureInfo.InvariantCulture);

    private void Check(int errno, long id)
    {
        if (errno != 0)
            throw Failure("Making the tree", FilesOf(id), errno);
    }
}
