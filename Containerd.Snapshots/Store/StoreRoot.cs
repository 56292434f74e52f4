using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>The directory of a store, held open.</summary>
/// <remarks>
/// <code>
/// format            whose root this is, in which version
/// lock              held while a process opens the store, so that one of them makes it
/// metadata.db       the truth about snapshots
/// layers/ID/fs      a tree: an upper directory, or a whole tree
/// layers/ID/work    overlay's work directory, for trees that are or were active
/// empty             a directory that stays empty: what overlay has beneath a single tree
/// owners/NAME       one file for each open store, locked while its process lives
/// trash/ID          trees that belong to nobody; emptied by cleaning up
/// </code>
/// A tree keeps its place for life: committing and sharing move nothing.
/// </remarks>
internal sealed class StoreRoot : IDisposable
{
    private const string LockName = "lock";
    private const string MetadataName = "metadata.db";
    private const string EmptyName = "empty";
    private const int PrivateMode = 0x1C0; // 0700
    private const int ParentMode = 0x1FF; // 0777, less the umask
    private const int LockPollMilliseconds = 10;
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(30);

    private readonly SafeFileHandle _root;

    private StoreRoot(string path, SafeFileHandle root)
    {
        Path = path;
        _root = root;
    }

    public string Path { get; }

    public string MetadataFile => System.IO.Path.Join(Path, MetadataName);

    public bool HasTrees => Directory.EnumerateFileSystemEntries(System.IO.Path.Join(Path, "layers")).Any();

    /// <summary>Where the trees are.</summary>
    public TreePlace Trees { get; private set; } = null!;

    public SafeFileHandle? Owners { get; private set; }

    public static string EmptyOf(string root) => System.IO.Path.Join(root, EmptyName);

    /// <summary>Opens a root, or makes it, and then the metadata, while no other process does either.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="driver">Whose trees are in it.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="openMetadata">Opens the metadata.</param>
    public static StoreRoot Open(string path, TreeDriver driver, TimeProvider timeProvider, Action<StoreRoot> openMetadata)
    {
        string full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        var root = new StoreRoot(full, OpenRoot(full));
        try
        {
            PrivateDirectory.Check(root._root, "Root", root.Path);
            bool isStore = StoreFormat.Check(full, driver.Name) is not null;
            if (!isStore)
                root.CheckEmpty(driver.Name);
            using SafeFileHandle held = root.Lock(timeProvider);
            int? format = StoreFormat.Check(full, driver.Name);
            if (format is null)
            {
                // Where the driver does not work the directory stays nobody's, so that another can have it.
                using (ProbeDirectory probe = ProbeDirectory.Make(root._root, full, driver.Name))
                    probe.Try(driver);
                StoreFormat.Write(full, root._root, driver.Name);
            }
            root.CheckErrno(Sys.SetMode(root._root, PrivateMode), "Closing to others");
            root.Trees = TreePlace.Open(root._root, full, make: true);
            root.Owners = root.OpenOwnDirectory("owners");
            root.OpenOwnDirectory(EmptyName).Dispose();
            root.CheckMetadata();
            if (format is { } older && older != StoreFormat.Version)
                root.CheckUnused($"Its format {older} is brought to {StoreFormat.Version} when that has closed it");
            openMetadata(root);
            // Last: killed before, the next open finds an older format and does it again, which changes nothing.
            if (format is not null && format != StoreFormat.Version)
                StoreFormat.Write(full, root._root, driver.Name);
            return root;
        }
        catch
        {
            root.Dispose();
            throw;
        }
    }

    /// <summary>Opens a root to read only; nothing in it is made or changed.</summary>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is no store.</exception>
    public static StoreRoot OpenReadOnly(string path, TreeDriver driver, Action<StoreRoot, bool> openMetadata)
    {
        string full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        SafeFileHandle handle = Sys.TryOpen(null, full, Tmds.Linux.LibC.O_RDONLY | Tmds.Linux.LibC.O_DIRECTORY, out int errno) ?? throw Failure("Opening the root", full, errno);
        var root = new StoreRoot(full, handle);
        try
        {
            PrivateDirectory.Check(root._root, "Root", root.Path);
            int format = StoreFormat.Check(full, driver.Name)
                ?? throw new ContainerdException(ErrorKind.NotFound, $"There is no store in '{Excerpt.Of(full)}', and to read only none is made.") { Subject = full };
            if (format != StoreFormat.Version)
            {
                throw new ContainerdException(
                    ErrorKind.NotSupported, $"The store '{Excerpt.Of(full)}' has format {format}; this library reads {StoreFormat.Version}. Open it for writing once, which brings it up to date.")
                { Subject = full };
            }
            root.Trees = TreePlace.Open(root._root, full, make: false);
            root.CheckErrno(Sys.FileSystemOf(root._root, out _, out ulong flags), "Reading the file system of");
            openMetadata(root, (flags & Sys.MS_RDONLY) != 0); // ST_RDONLY has the same value
            return root;
        }
        catch
        {
            root.Dispose();
            throw;
        }
    }

    /// <summary>Opens a root whose metadata may be damaged or missing, for as long as nobody else has it open.</summary>
    public static StoreRoot OpenForRecovery(string path, string snapshotter, TimeProvider timeProvider, Action<StoreRoot> recover)
    {
        var root = new StoreRoot(path, OpenRoot(path));
        try
        {
            PrivateDirectory.Check(root._root, "Root", root.Path);
            StoreFormat.Check(path, snapshotter);
            using SafeFileHandle held = root.Lock(timeProvider);
            root.Trees = TreePlace.Open(root._root, path, make: true);
            root.Owners = root.OpenOwnDirectory("owners");
            root.CheckUnused("Recovering its metadata has to wait until that has closed it");
            recover(root);
            return root;
        }
        catch
        {
            root.Dispose();
            throw;
        }
    }

    /// <summary>Flushes the file system of the root.</summary>
    public void Flush() => CheckErrno(Sys.SyncFileSystem(_root), "Flushing");

    public void Dispose()
    {
        Trees?.Dispose();
        Owners?.Dispose();
        _root.Dispose();
    }

    private static SafeFileHandle OpenRoot(string path)
    {
        int directoryOnly = Sys.PathOnly | Tmds.Linux.LibC.O_DIRECTORY;
        SafeFileHandle? found = Sys.TryOpen(null, path, directoryOnly, out int errno);
        if (errno == ENOENT)
        {
            MakeParents(path);
            errno = Sys.MakeDirectory(null, path, PrivateMode);
            if (errno is not (0 or EEXIST))
                throw Failure("Making the root", path, errno);
        }
        found?.Dispose();
        return Sys.TryOpen(null, path, Tmds.Linux.LibC.O_RDONLY | Tmds.Linux.LibC.O_DIRECTORY, out errno) ?? throw Failure("Opening the root", path, errno);
    }

    /// <summary>Makes the directories that a path leads through, where they are missing.</summary>
    public static void MakeParents(string path)
    {
        if (System.IO.Path.GetDirectoryName(path) is not { Length: > 0 } parent)
            return;
        int errno = Sys.MakeDirectory(null, parent, ParentMode);
        if (errno == ENOENT)
        {
            MakeParents(parent);
            errno = Sys.MakeDirectory(null, parent, ParentMode);
        }
        if (errno is not (0 or EEXIST))
            throw Failure("Making the directory", parent, errno);
    }

    private void CheckEmpty(string component)
    {
        string[] ours = ["lost+found", LockName, StoreFormat.NewFileName, RootFormat.FileName];
        string? foreign = Directory.EnumerateFileSystemEntries(Path).Select(System.IO.Path.GetFileName).FirstOrDefault(name => !ours.Contains(name) && !ProbeDirectory.IsName(name!));
        // Another process may have made it a store just now.
        if (foreign is not null && StoreFormat.Check(Path, component) is null)
        {
            throw new ContainerdException(
                ErrorKind.FailedPrecondition, $"Root '{Excerpt.Of(Path)}' is not empty ('{Excerpt.Of(foreign)}') and has no file '{RootFormat.FileName}': it is not a store. Nothing in it was touched.")
            { Subject = Path };
        }
    }

    private void CheckMetadata()
    {
        if (new FileInfo(MetadataFile) is { Exists: false } or { Length: 0 } && HasTrees)
        {
            throw new ContainerdException(
                ErrorKind.DataCorrupted, $"Metadata '{Excerpt.Of(MetadataFile)}' is missing or empty although the store has trees; restore it, or have StoreRecovery make an empty one, to which no tree belongs.")
            { Subject = MetadataFile };
        }
    }

    // Whoever has it open would go on with a database that has changed beneath it.
    private void CheckUnused(string advice)
    {
        foreach (string owner in StoreOwner.List(this))
        {
            bool alive = StoreOwner.IsAlive(this, owner, out SafeFileHandle? remains);
            remains?.Dispose();
            if (alive)
            {
                throw new ContainerdException(
                    ErrorKind.Unavailable, $"The store '{Excerpt.Of(Path)}' is in use by another process. {advice}.")
                { Subject = Path };
            }
        }
    }

    private SafeFileHandle Lock(TimeProvider timeProvider)
    {
        SafeFileHandle file = Sys.TryOpen(_root, LockName, Tmds.Linux.LibC.O_RDWR | Tmds.Linux.LibC.O_CREAT | Tmds.Linux.LibC.O_NOFOLLOW, out int errno)
            ?? throw Failure("Opening the lock of the root", Path, errno);
        long start = timeProvider.GetTimestamp();
        try
        {
            while (!Sys.TryLock(file, Path))
            {
                if (timeProvider.GetElapsedTime(start) > LockTimeout)
                {
                    throw new ContainerdException(
                        ErrorKind.Unavailable, $"Opening the store '{Excerpt.Of(Path)}': another process has been opening it for {LockTimeout.TotalSeconds} s; it may be stopped.")
                    { Subject = Path };
                }
                Sys.AwaitNews(null, LockPollMilliseconds);
            }
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private SafeFileHandle OpenOwnDirectory(string name)
    {
        int errno = Sys.MakeDirectory(_root, name, PrivateMode);
        CheckErrno(errno == EEXIST ? 0 : errno, $"Making '{name}' in");
        SafeFileHandle? directory = Sys.TryOpen(_root, name, Sys.ReadDirectoryOnly, out errno);
        CheckErrno(errno, $"Opening '{name}' in");
        return directory!;
    }

    private void CheckErrno(int errno, string doing)
    {
        if (errno != 0)
            throw Failure(doing, Path, errno);
    }
}
