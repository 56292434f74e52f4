using System.IO.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Execution;

/// <summary>The directory of one container, owned: this process alone may change it, until the owner is disposed or the process ends.</summary>
internal sealed class StateDirectory(IFileSystem fileSystem, string path, SafeFileHandle owner) : IDisposable
{
    private const string OwnerFile = "owner";

    public string Path { get; } = path;

    public string RootfsPath => System.IO.Path.Join(Path, "rootfs");

    /// <summary>Takes the ownership of a directory whose owner is gone.</summary>
    /// <returns>Null where its owner lives, or it is gone itself.</returns>
    public static StateDirectory? TryTake(IFileSystem fileSystem, string path)
    {
        string ownerPath = System.IO.Path.Join(path, OwnerFile);
        if (!fileSystem.File.Exists(ownerPath))
            return null;
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

    /// <summary>Makes a directory that is owned from the first moment it can be seen.</summary>
    public static StateDirectory Make(IFileSystem fileSystem, string path)
    {
        fileSystem.Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        SafeFileHandle owner = Interop.OpenLockFile(System.IO.Path.Join(path, OwnerFile));
        Interop.Lock(owner, exclusive: true, wait: false);
        var directory = new StateDirectory(fileSystem, path, owner);
        fileSystem.Directory.CreateDirectory(directory.RootfsPath, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return directory;
    }

    /// <summary>Gives the directory the name it is found by. The ownership moves along.</summary>
    /// <returns>Null where the name is taken.</returns>
    public StateDirectory? TryRename(string newPath)
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

    public ContainerState ReadState() => StateFile.Read(fileSystem, Path)
        ?? throw new ContainerdException(ErrorKind.DataCorrupted, $"The state of the container in '{Path}' is missing.") { Subject = Path };

    public void WriteState(ContainerState state) => StateFile.Write(fileSystem, Path, state);

    public void WriteFile(string name, byte[] content) => fileSystem.File.WriteAllBytes(System.IO.Path.Join(Path, name), content);

    /// <summary>Removes the directory, and with it the ownership.</summary>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.FailedPrecondition"/>: something is still mounted in it.</exception>
    public void Remove()
    {
        try
        {
            // Never recursively: were the root file system still mounted here, that would delete the snapshot.
            if (fileSystem.Directory.Exists(RootfsPath))
                fileSystem.Directory.Delete(RootfsPath, recursive: false);
        }
        catch (IOException e)
        {
            throw new ContainerdException(ErrorKind.FailedPrecondition, $"'{RootfsPath}' cannot be removed: {e.Message} Its root file system may still be mounted.", e) { Subject = RootfsPath };
        }
        // The lock file last and with the directory: who opens it in between finds, once it has the lock, that the path leads nowhere.
        fileSystem.Directory.Delete(Path, recursive: true);
        Dispose();
    }

    public void Dispose() => owner.Dispose();
}
