using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>The directory for mounts that the kernel cannot make in no place. Any number of processes share it.</summary>
/// <remarks>
/// <code>
/// lock          held for moments: the directory is made private, what the dead have left is swept
/// NAME.lock     held by the owner of NAME for as long as it lives
/// NAME/N        an empty directory or file to mount on
/// </code>
/// The directory is a bind mount of itself which is private, so that nothing mounted in it shows up in another mount namespace. It is looked for
/// anew for each tree, since the calling thread may have a mount namespace of its own.
/// </remarks>
internal sealed partial class TemporaryMounts(string? directory, ILoggerFactory? loggerFactory)
{
    private const string LockName = "lock";
    private const int PrivateMode = 0x1C0; // 0700

    private readonly ILogger _logger = (ILogger?)loggerFactory?.CreateLogger<LinuxMounter>() ?? Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

    /// <summary>How long the lock of the directory is waited for. Whoever has it needs moments, unless it is stopped.</summary>
    internal TimeSpan LockTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A new tree of this process, in this thread's mount namespace.</summary>
    public TemporaryTree NewTree()
    {
        string path = directory ?? DefaultDirectory();
        using SafeFileHandle before = OpenDirectory(path);
        using SafeFileHandle held = Sys.TryOpen(before, LockName, LibC.O_RDWR | LibC.O_CREAT | LibC.O_NOFOLLOW, out int errno)
            ?? throw Failure("Opening the lock of the temporary mounts in", path, errno);
        if (!Sys.AwaitLock(held, path, LockTimeout))
            throw Held(held, path);
        // Whoever had the lock until now may have mounted the directory on itself.
        using SafeFileHandle outside = OpenDirectory(path);
        SafeFileHandle root = MakePrivate(path, outside);
        try
        {
            Sweep(root, path);
            return TemporaryTree.Make(root, path, this);
        }
        catch
        {
            root.Dispose();
            throw;
        }
    }

    /// <summary>Tells of what is left for the next one to sweep.</summary>
    public void Warn(string path, string reason) => LogLeft(path, reason);

    // Only root's own directory, or one that the system made for this user alone: nobody else can have put a link there.
    private static string DefaultDirectory()
    {
        if (Sys.EffectiveUserId == 0 && !UserNamespace.IsInside)
            return "/run/containerd-net-mounts";
        string? runtimeDirectory = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        return Path.IsPathFullyQualified(runtimeDirectory ?? "")
            ? Path.Join(runtimeDirectory, "containerd-net-mounts")
            : throw new ContainerdException(
                ErrorKind.FailedPrecondition,
                "Mounting in a temporary place: there is none, as XDG_RUNTIME_DIR is not set; set it, or LinuxMounterOptions.TemporaryDirectory.");
    }

    private static SafeFileHandle OpenDirectory(string path)
    {
        int errno = Sys.MakeDirectory(null, path, PrivateMode);
        if (errno is not (0 or EEXIST))
            throw Failure("Making the directory for temporary mounts", path, errno);
        SafeFileHandle directory = Sys.TryOpen(null, path, LibC.O_RDONLY | LibC.O_DIRECTORY | LibC.O_NOFOLLOW, out errno)
            ?? throw Failure("Opening the directory for temporary mounts", path, errno);
        try
        {
            PrivateDirectory.Check(directory, "The directory for temporary mounts", path);
            return directory;
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    private ContainerdException Held(SafeFileHandle lockFile, string path) => new(
        ErrorKind.Unavailable,
        $"Mounting in a temporary place: '{Excerpt.Of(Path.Join(path, LockName))}' has been locked by others for {LockTimeout.TotalSeconds} s.{BusyHolders.DescribeLock(lockFile)} Mount again when they go on or have ended; they may be stopped.")
    {
        Subject = path,
    };

    // Returns the directory as seen through its own private mount.
    private static SafeFileHandle MakePrivate(string path, SafeFileHandle outside)
    {
        int id = MountTable.IdOf(outside);
        MountTableEntry mount = MountTable.Read().Entries.FirstOrDefault(entry => entry.Id == id);
        bool isMountPoint = mount.Path == new FileInfo(Sys.PathOf(outside)).LinkTarget;
        int errno = isMountPoint ? 0 : Sys.Mount(Sys.PathOf(outside), Sys.PathOf(outside), null, Sys.MS_BIND, null);
        SafeFileHandle? inside = null;
        if (errno == 0)
            inside = Sys.TryOpen(null, path, LibC.O_RDONLY | LibC.O_DIRECTORY | LibC.O_NOFOLLOW, out errno);
        if (inside is not null && (!isMountPoint || mount.Propagates))
            errno = Sys.Mount(null, Sys.PathOf(inside), null, Sys.MS_PRIVATE, null);
        if (inside is not null && errno == 0)
            return inside;
        inside?.Dispose();
        throw Failure("Making a private mount of the temporary directory", path, errno);
    }

    private void Sweep(SafeFileHandle root, string path)
    {
        foreach (string file in Directory.EnumerateFiles(Sys.PathOf(root), $"*{TemporaryTree.LockSuffix}").ToList())
        {
            string name = Path.GetFileNameWithoutExtension(file), tree = Path.Join(path, name);
            using SafeFileHandle? lockFile = Sys.TryOpen(root, Path.GetFileName(file), LibC.O_RDWR | LibC.O_NOFOLLOW, out _);
            // Just gone, its owner lives, or just removed by its owner.
            if (lockFile is null || !Sys.TryLock(lockFile, file) || Sys.Status(lockFile, "", out EntryStatus status) != 0 || status.Links == 0)
                continue;
            if (TemporaryTree.Remove(root, name, lazily: false) is { } problem)
                LogLeft(tree, problem);
            else
                LogSwept(tree);
        }
    }

    [LoggerMessage(EventId = 3201, Level = LogLevel.Warning, Message = "The temporary mount '{Path}' stays until the next one is made: {Reason}")]
    private partial void LogLeft(string path, string reason);

    [LoggerMessage(EventId = 3202, Level = LogLevel.Information, Message = "Removed the temporary mount '{Path}' of a process that has ended")]
    private partial void LogSwept(string path);
}
