using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>
/// A name to unmount, in the directory it was found in: that is held open, so that no rename and no link on the way leads to another mount. What is mounted is not held,
/// which would keep it busy.
/// </summary>
internal sealed class UnmountPlace : IDisposable
{
    private readonly SafeFileHandle _directory;
    private readonly string _name;

    private UnmountPlace(SafeFileHandle directory, string name)
    {
        _directory = directory;
        _name = name;
    }

    /// <summary>Its path by now, as the mount table has it.</summary>
    public string Path => System.IO.Path.Join(new FileInfo(Sys.PathOf(_directory)).LinkTarget, _name);

    /// <summary>Finds the place of a path: links on the way are resolved, the last name is taken as it is. Null where there is none.</summary>
    /// <exception cref="ContainerdException">The path is the root directory. -or- it cannot be followed.</exception>
    public static UnmountPlace? Find(string target)
    {
        string path = target.TrimEnd('/'), name = System.IO.Path.GetFileName(path);
        return name is "" or "." or ".." ? FindItself(target) : FindIn(path[..^name.Length], name, target);
    }

    /// <summary>Whether a mount is what is seen there.</summary>
    public bool Shows(int mountId)
    {
        using SafeFileHandle? seen = Sys.TryOpen(_directory, _name, Sys.PathOnly | Tmds.Linux.LibC.O_NOFOLLOW, out _);
        return seen is not null && MountTable.IdOf(seen) == mountId;
    }

    public int Unmount(int flags) => Sys.Unmount($"{Sys.PathOf(_directory)}/{_name}", flags | Sys.UMOUNT_NOFOLLOW);

    public void Dispose() => _directory.Dispose();

    private static UnmountPlace? FindIn(string above, string name, string target)
    {
        SafeFileHandle? directory = Sys.TryOpen(null, above.Length == 0 ? "." : above, Sys.PathOnly | Tmds.Linux.LibC.O_DIRECTORY, out int errno);
        if (directory is not null)
            return new UnmountPlace(directory, name);
        return errno is ENOENT or ENOTDIR ? null : throw Failure("Unmounting", target, errno);
    }

    // Its name is that in the directory above, by the kernel, for which what .. leads to depends on the links before it.
    private static UnmountPlace? FindItself(string target)
    {
        using SafeFileHandle? itself = Sys.TryOpen(null, target, Sys.PathOnly, out int errno);
        if (errno is ENOENT or ENOTDIR)
            return null;
        // Where even this fails a server has died, for example, which must not keep its mount.
        string path = itself is null ? System.IO.Path.GetFullPath(target).TrimEnd('/') : new FileInfo(Sys.PathOf(itself)).LinkTarget!, name = System.IO.Path.GetFileName(path);
        // Asked to unmount that, the kernel makes the file system read-only for everybody, and says that it has done it.
        if (name.Length == 0)
            throw new ContainerdException(ErrorKind.InvalidArgument, $"Unmounting '{Excerpt.Of(target)}': it is the root directory of this process; nothing was done.") { Subject = target };
        return FindIn(itself is null ? path[..^name.Length] : $"{Sys.PathOf(itself)}/..", name, target);
    }
}
