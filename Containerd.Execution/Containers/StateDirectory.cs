using System.IO.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Execution;

/// <summary>The directory of one container, owned: this process alone may change it, until the owner is disposed or the process ends.</summary>
internal sealed class StateDirectory(IFileSystem fileSystem, string path, SafeFileHandle owner) : IDisposable
{
    private const string OwnerFile = "owner";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    public string Path { get; } = path;

    public string RootfsPath => System.IO.Path.Join(Path, "rootfs");

    /// <summary>Takes the ownership of a directory whose owner is gone.</summary>
    /// <returns>Null where its owner lives, or it is gone itself.</returns>
    public static StateDirectory? TryTake(IFileSystem fileSystem, string path)
    {
        string ownerPath = System.IO.Path.Join(path, OwnerFile);
        SafeFileHandle owner;
        try
        {
            owner = Interop.OpenLockFile(ownerPath);
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.NotFound)
        {
            return null;
        }
        // The directory may have been removed, or made anew by somebody else, between opening and locking: then this is the lock of a file that is no more.
        if (Interop.Lock(owner, exclusive: true, wait: false) && Interop.IsSameFile(owner, ownerPath))
            return new StateDirectory(fileSystem, path, owner);
        owner.Dispose();
        return null;
    }

    /// <summary>Makes a directory that nobody finds by an ID, and owns it.</summary>
    /// <param name="fileSystem">The file system.</param>
    /// <param name="parent">The directory to make it in.</param>
    public static StateDirectory Make(IFileSystem fileSystem, string parent)
    {
        while (true)
        {
            string path = HiddenPath(parent);
            StorageError.Guard("Making a container's directory", path, () => fileSystem.Directory.CreateDirectory(path, OwnerOnly));
            // A cleaner that comes by before the lock is taken sees a directory that nobody owns, and may take it first.
            if (TryTake(fileSystem, path) is { } directory)
            {
                StorageError.Guard("Making a container's directory", directory.RootfsPath, () => fileSystem.Directory.CreateDirectory(directory.RootfsPath, OwnerOnly));
                return directory;
            }
        }
    }

    /// <summary>Gives the directory the name it is found by. The ownership moves along.</summary>
    /// <returns>Null where the name is taken.</returns>
    public StateDirectory? TryRename(string newPath) => StorageError.Guard("Making a container's directory", newPath, () => TryRenameCore(newPath));

    private StateDirectory? TryRenameCore(string newPath)
    {
        try
        {
            // rename(2) onto a directory that is not empty fails, and no container's directory is ever empty: one wins.
            fileSystem.Directory.Move(Path, newPath);
            return new StateDirectory(fileSystem, newPath, owner);
        }
        catch (IOException) when (fileSystem.Directory.Exists(newPath))
        {
            return null;
        }
    }

    public void WriteState(ContainerState state) => StateFile.Write(fileSystem, Path, state);

    public void WriteFile(string name, byte[] content)
    {
        string path = System.IO.Path.Join(Path, name);
        StorageError.Guard("Writing", path, () => fileSystem.File.WriteAllBytes(path, content));
    }

    /// <summary>Removes the directory, and with it the ownership.</summary>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.Unavailable"/>: its root file system is still mounted. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: its <c>rootfs</c> has something in it that nobody mounted.</exception>
    public void Remove()
    {
        // Never recursively: were the root file system still mounted here, that would delete the snapshot.
        StorageError.Guard("Removing the root file system's directory", RootfsPath, () =>
        {
            if (fileSystem.Directory.Exists(RootfsPath))
                fileSystem.Directory.Delete(RootfsPath, recursive: false);
        });
        // In one step it is nobody's container any more; what a death in the middle of the deletion leaves is then garbage that anybody may remove.
        string hidden = HiddenPath(System.IO.Path.GetDirectoryName(Path)!);
        StorageError.Guard("Removing", Path, () => fileSystem.Directory.Move(Path, hidden));
        try
        {
            fileSystem.Directory.Delete(hidden, recursive: true);
        }
        catch (IOException)
        {
            // A cleaner that found the lock file gone has taken the garbage over; what either leaves, the next one removes.
        }
        Dispose();
    }

    public void Dispose() => owner.Dispose();

    // An ID never starts with a dot, so nothing is mistaken for a container.
    private static string HiddenPath(string parent) => System.IO.Path.Join(parent, $".{Guid.NewGuid():N}");
}
