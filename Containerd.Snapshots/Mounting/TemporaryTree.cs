using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Directories to mount on for as long as this process needs them. What is mounted there is unmounted, then they are removed; nothing in them is ever deleted.</summary>
internal sealed class TemporaryTree : IDisposable
{
    public const string LockSuffix = ".lock";
    private const int PrivateMode = 0x1C0; // 0700

    private readonly SafeFileHandle _root;
    private readonly SafeFileHandle _lock;
    private readonly SafeFileHandle _directory;
    private readonly string _name;
    private readonly TemporaryMounts _owner;
    private int _places;
    private int _disposed;

    private TemporaryTree(SafeFileHandle root, SafeFileHandle lockFile, SafeFileHandle directory, string name, string path, TemporaryMounts owner)
    {
        _root = root;
        _lock = lockFile;
        _directory = directory;
        _name = name;
        Path = path;
        _owner = owner;
    }

    public string Path { get; }

    /// <summary>Makes a tree while the directory's lock is held; it takes over the root.</summary>
    public static TemporaryTree Make(SafeFileHandle root, string path, TemporaryMounts owner)
    {
        string name = RandomNumberGenerator.GetHexString(16, lowercase: true);
        SafeFileHandle lockFile = Sys.TryOpen(root, name + LockSuffix, LibC.O_RDWR | LibC.O_CREAT | LibC.O_EXCL | LibC.O_NOFOLLOW, out int errno)
            ?? throw Failure("Making a temporary place to mount on in", path, errno);
        SafeFileHandle? directory = null;
        if (Sys.TryLock(lockFile, name))
        {
            errno = Sys.MakeDirectory(root, name, PrivateMode);
            if (errno == 0)
                directory = Sys.TryOpen(root, name, Sys.PathOnly | LibC.O_DIRECTORY | LibC.O_NOFOLLOW, out errno);
        }
        if (directory is not null)
            return new TemporaryTree(root, lockFile, directory, name, System.IO.Path.Join(path, name), owner);
        _ = Remove(root, name, lazily: false);
        lockFile.Dispose();
        throw Failure("Making a temporary place to mount on in", path, errno);
    }

    /// <summary>The path of a new empty directory, or file. It can be trusted: nobody else may write on the way.</summary>
    public string NewPlace(bool isFile = false)
    {
        string place = (_places++).ToString(CultureInfo.InvariantCulture);
        int errno;
        if (isFile)
            Sys.TryOpen(_directory, place, LibC.O_WRONLY | LibC.O_CREAT | LibC.O_EXCL | LibC.O_NOFOLLOW, out errno)?.Dispose();
        else
            errno = Sys.MakeDirectory(_directory, place, PrivateMode);
        return errno == 0 ? System.IO.Path.Join(Path, place) : throw Failure("Making a temporary place to mount on in", Path, errno);
    }

    /// <summary>Takes everything away that is mounted here: files that are open keep it alive for themselves.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        if (Remove(_root, _name, lazily: true) is { } problem)
            _owner.Warn(Path, problem);
        _directory.Dispose();
        _root.Dispose();
        // Only now: nobody sweeps what somebody still removes.
        _lock.Dispose();
    }

    /// <summary>Unmounts and removes a tree whose lock is held. Only empty directories and files are removed, one by one: the kernel takes no mount point.</summary>
    /// <returns>What keeps it; null when it is gone.</returns>
    public static string? Remove(SafeFileHandle root, string name, bool lazily)
    {
        try
        {
            return TryRemove(root, name, lazily);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    private static string? TryRemove(SafeFileHandle root, string name, bool lazily)
    {
        int errno;
        using (SafeFileHandle? directory = Sys.TryOpen(root, name, LibC.O_RDONLY | LibC.O_DIRECTORY | LibC.O_NOFOLLOW, out errno))
        {
            if (directory is not null)
            {
                foreach (string place in Directory.EnumerateFileSystemEntries(Sys.PathOf(directory)).Select(System.IO.Path.GetFileName).ToList()!)
                {
                    if (Clear(directory, place, lazily) is { } problem)
                        return problem;
                }
                errno = Sys.Unlink(root, name, isDirectory: true);
            }
        }
        if (errno is not (0 or ENOENT))
            return Describe(errno);
        errno = Sys.Unlink(root, name + LockSuffix, isDirectory: false);
        return errno is 0 or ENOENT ? null : Describe(errno);
    }

    private static string? Clear(SafeFileHandle directory, string place, bool lazily)
    {
        // By path, and without a handle of what is mounted, which would keep it busy.
        string path = System.IO.Path.Join(new FileInfo(Sys.PathOf(directory)).LinkTarget, place);
        int errno;
        if (!lazily)
        {
            foreach (MountTableEntry entry in MountTable.Read().At(path))
            {
                errno = Sys.Unmount(entry.Path, Sys.UMOUNT_NOFOLLOW);
                if (errno is not (0 or EINVAL or ENOENT))
                    return $"unmounting '{Excerpt.Of(entry.Path)}': {Describe(errno)}";
            }
        }
        // Everything that is stacked on the place. Lazily a mount takes along what is mounted beneath it.
        do
        {
            errno = Sys.Unmount(path, Sys.UMOUNT_NOFOLLOW | (lazily ? Sys.MNT_DETACH : 0));
        }
        while (errno == 0);
        if (errno is not (EINVAL or ENOENT))
            return $"unmounting '{Excerpt.Of(path)}': {Describe(errno)}";
        errno = Sys.Unlink(directory, place, isDirectory: true);
        if (errno == ENOTDIR && Sys.Status(directory, place, out EntryStatus status) == 0 && status is { IsRegular: true, Size: 0 })
            errno = Sys.Unlink(directory, place, isDirectory: false);
        return errno is 0 or ENOENT ? null : $"removing the empty directory '{place}': {Describe(errno)}";
    }
}
