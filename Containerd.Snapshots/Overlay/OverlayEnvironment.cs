using System.Collections.Immutable;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>What the kernel's overlay needs to be told here, and whether it works on a root at all.</summary>
internal static class OverlayEnvironment
{
    private const string IndexParameter = "/sys/module/overlay/parameters/index";

    private static readonly Version TmpfsHasUserAttributes = new(6, 6);

    /// <summary>The options of every overlay mount (S-16).</summary>
    public static ImmutableArray<string> OptionsFor(string root, ImmutableArray<string> configured)
    {
        ImmutableArray<string>.Builder options = ImmutableArray.CreateBuilder<string>();
        options.AddRange(configured);
        // Without it an overlay in a user namespace can mark nothing, and replace no directory. Of tmpfs since it has such attributes; before, it is refused.
        if (UserNamespace.IsInside && !configured.Contains("userxattr") && (!IsTmpfs(root) || Environment.OSVersion.Version >= TmpfsHasUserAttributes))
            options.Add("userxattr");
        // The parameter is there when the module is, which this loads. The last one wins in the kernel, so ours must not follow the user's.
        Sys.TryOpenFileSystem("overlay", out _)?.Dispose();
        if (File.Exists(IndexParameter) && !configured.Any(option => option.StartsWith("index=", StringComparison.Ordinal)))
            options.Add("index=off");
        return options.ToImmutable();
    }

    /// <summary>Mounts a small overlay, seen by nobody, and looks whether a deletion stays one, and a directory can be replaced.</summary>
    /// <param name="mounter">The mounter.</param>
    /// <param name="directory">An empty directory on the file system in question, for the probe to fill.</param>
    /// <param name="options">The options that mounts will have.</param>
    /// <exception cref="ContainerdException">It does not work; the message says why.</exception>
    public static void Probe(LinuxMounter mounter, string directory, ImmutableArray<string> options)
    {
        var overlay = new OverlayMount
        {
            LowerDirectories = [Path.Join(directory, "lower")],
            UpperDirectory = Path.Join(directory, "fs"),
            WorkDirectory = Path.Join(directory, "work"),
            Options = options,
        };
        try
        {
            foreach (string name in (string[])["lower/directory", "fs", "work"])
                Directory.CreateDirectory(Path.Join(directory, name));
            File.WriteAllBytes(Path.Join(directory, "lower/deleted"), []);
            using IDetachedMount tree = MountUnsynced(mounter, overlay);
            File.Delete(Path.Join(tree.Path, "deleted"));
            TryReplace(Path.Join(tree.Path, "directory"), directory);
            // A file system that does not tell entries' types (xfs with ftype=0) cannot hide the whiteout: it shows up as a device.
            if (Directory.EnumerateFileSystemEntries(tree.Path).Any())
                throw Refusal(ErrorKind.NotSupported, directory, "a deleted file stays visible: the file system does not keep the type of directory entries (xfs needs ftype=1)");
        }
        catch (ContainerdException e) when (e.Errno is not null)
        {
            ErrorKind kind = e.Kind is ErrorKind.PermissionDenied or ErrorKind.ResourceExhausted ? e.Kind : ErrorKind.NotSupported;
            throw Refusal(kind, directory, e.Message, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Of an IOException the number is the error's.
            throw KindOf(e.HResult) == ErrorKind.ResourceExhausted || (e.HResult == EROFS && IsFull(directory))
                ? Refusal(ErrorKind.ResourceExhausted, directory, $"its disk is full ({e.Message})", e)
                : Refusal(ErrorKind.NotSupported, directory, e.Message, e);
        }
    }

    // An overlay that finds no room for what it works with is mounted read-only, and says so in the kernel's log alone.
    private static bool IsFull(string directory)
    {
        try
        {
            Directory.CreateDirectory(Path.Join(directory, "room/for/more"));
            return false;
        }
        catch (IOException e)
        {
            return KindOf(e.HResult) == ErrorKind.ResourceExhausted;
        }
    }

    // A directory in the place of another hides what that has by an attribute.
    private static void TryReplace(string path, string directory)
    {
        try
        {
            Directory.Delete(path);
            Directory.CreateDirectory(path);
        }
        catch (IOException e) when (KindOf(e.HResult) != ErrorKind.ResourceExhausted)
        {
            throw Refusal(ErrorKind.NotSupported, directory, $"a directory cannot be deleted and made again: the file system does not take the attributes that overlay needs ({e.Message})", e);
        }
        Directory.Delete(path);
    }

    /// <summary>Mounts a small ID-mapped overlay, seen by nobody.</summary>
    /// <param name="mounter">The mounter.</param>
    /// <param name="directory">The directory that <see cref="Probe"/> has filled.</param>
    /// <param name="options">The options that mounts will have.</param>
    /// <returns>Why it does not work; null where it does.</returns>
    public static string? ProbeIdMaps(LinuxMounter mounter, string directory, ImmutableArray<string> options)
    {
        var overlay = new OverlayMount
        {
            LowerDirectories = [Path.Join(directory, "lower")],
            UpperDirectory = Path.Join(directory, "mapped"),
            WorkDirectory = Path.Join(directory, "mapped-work"),
            Options = [.. options, "uidmap=0:1:1", "gidmap=0:1:1"],
        };
        try
        {
            Directory.CreateDirectory(overlay.UpperDirectory);
            Directory.CreateDirectory(overlay.WorkDirectory);
            MountUnsynced(mounter, overlay).Dispose();
            return null;
        }
        catch (Exception e) when (e is ContainerdException or IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    // Unmounting a writable overlay flushes the whole file system beneath (containerd#6692); of a probe nothing needs to last. Linux 5.10 has the option.
    private static IDetachedMount MountUnsynced(LinuxMounter mounter, OverlayMount overlay)
    {
        try
        {
            return mounter.MountDetached([(overlay with { Options = overlay.Options.Add("volatile") }).ToMount()]);
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.InvalidArgument)
        {
            return mounter.MountDetached([overlay.ToMount()]);
        }
    }

    private static ContainerdException Refusal(ErrorKind kind, string directory, string reason, Exception? cause = null) =>
        new(kind, $"Overlay does not work in '{Excerpt.Of(directory)}': {reason}", cause) { Subject = directory, Errno = (cause as ContainerdException)?.Errno };

    // The root may still have to be made: then it will be on the file system of what is there of its path.
    private static bool IsTmpfs(string root)
    {
        string existing = Path.GetFullPath(root);
        while (!Directory.Exists(existing) && Path.GetDirectoryName(existing) is { } parent)
            existing = parent;
        using SafeFileHandle directory = Sys.TryOpen(null, existing, Sys.PathOnly, out int errno) ?? throw Failure("Opening the root", root, errno);
        errno = Sys.FileSystemOf(directory, out long type, out _);
        return errno == 0 ? type == Sys.TMPFS_MAGIC : throw Failure("Reading the file system of", root, errno);
    }
}
