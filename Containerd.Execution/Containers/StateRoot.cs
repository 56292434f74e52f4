using System.IO.Abstractions;

namespace Containerd.Execution;

/// <summary>The directory of all containers: <c>format</c>, <c>lock</c>, <c>containers/ID</c>. Several processes share it.</summary>
internal sealed class StateRoot
{
    private const string Component = "execution";
    private const int CurrentFormat = 1;
    private const string LockFile = "lock";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly IFileSystem _fileSystem;
    private readonly string _containers;

    /// <summary>Opens a root, or makes it.</summary>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.FailedPrecondition"/>: it is another component's, or no root and not empty. -or-
    /// <see cref="ErrorKind.PermissionDenied"/>: it is another user's, or others can write it. -or- <see cref="ErrorKind.NotSupported"/>: it is of another format. -or-
    /// <see cref="ErrorKind.DataCorrupted"/>: its format file is damaged. Nothing in it was changed.</exception>
    public StateRoot(IFileSystem fileSystem, string path)
    {
        _fileSystem = fileSystem;
        _containers = Path.Join(path, "containers");
        StorageError.Guard("Opening the state root", path, () =>
        {
            fileSystem.Directory.CreateDirectory(path, OwnerOnly);
            CheckOwner(path);
            CheckFormat(path);
            // CVE-2024-25621: what was made by hand before may be readable by all.
            fileSystem.File.SetUnixFileMode(path, OwnerOnly);
            fileSystem.Directory.CreateDirectory(_containers, OwnerOnly);
        });
    }

    public string PathOf(string id) => Path.Join(_containers, id);

    /// <summary>Makes a container's directory.</summary>
    /// <param name="id">The container.</param>
    /// <param name="fill">Writes what must be in it before anybody finds it.</param>
    /// <returns>Null where there is one already.</returns>
    public StateDirectory? TryAdd(string id, Action<StateDirectory> fill)
    {
        StateDirectory hidden = StateDirectory.Make(_fileSystem, _containers);
        try
        {
            fill(hidden);
            if (hidden.TryRename(PathOf(id)) is { } directory)
                return directory;
        }
        catch
        {
            hidden.Remove();
            throw;
        }
        hidden.Remove();
        return null;
    }

    /// <summary>The directories of all containers.</summary>
    public IReadOnlyList<string> List() => [.. All().Where(path => !IsHidden(path)).Order(StringComparer.Ordinal)];

    /// <summary>Directories that were being made or deleted when their process died.</summary>
    public IReadOnlyList<string> ListUnfinished() => [.. All().Where(IsHidden)];

    public StateDirectory? TryTake(string path) => StateDirectory.TryTake(_fileSystem, path);

    public bool Exists(string path) => _fileSystem.Directory.Exists(path);

    public ContainerState? ReadState(string path) => StateFile.Read(_fileSystem, path);

    private string[] All() => StorageError.Guard("Listing the containers in", _containers, () => _fileSystem.Directory.GetDirectories(_containers));

    private static bool IsHidden(string path) => Path.GetFileName(path).StartsWith('.');

    // Before anything is written: in a directory that others can change, or that is somebody else's, nothing is to be trusted and nothing to be changed.
    private static void CheckOwner(string path)
    {
        (uint owner, UnixFileMode mode) = Interop.OwnerOf(path);
        if (owner != Interop.EffectiveUser())
            throw new ContainerdException(ErrorKind.PermissionDenied, $"The state root '{Excerpt.Of(path)}' belongs to user {owner}, not to the user of this process.") { Subject = path };
        if ((mode & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
        {
            throw new ContainerdException(ErrorKind.PermissionDenied, $"The state root '{Excerpt.Of(path)}' can be written by other users. Give a directory of its own, or take that right away (chmod go-w).")
            {
                Subject = path,
            };
        }
    }

    private void CheckFormat(string path)
    {
        string format = Path.Join(path, RootFormat.FileName);
        if (!_fileSystem.File.Exists(format) && FirstForeignEntry(path) is { } foreign && !_fileSystem.File.Exists(format))
        {
            // Asked twice: the format comes first, so whoever made the root meanwhile has left one.
            throw new ContainerdException(
                ErrorKind.FailedPrecondition,
                $"'{Excerpt.Of(path)}' is no state root: it has no file '{RootFormat.FileName}', and holds '{Excerpt.Of(foreign)}'. Give a directory that is missing or empty.")
            {
                Subject = path,
            };
        }
        if (_fileSystem.File.Exists(format))
        {
            _ = RootFormat.Check(ReadFormat(format), path, Component, CurrentFormat, CurrentFormat);
            return;
        }
        string next = $"{format}.{Guid.NewGuid():N}";
        _fileSystem.File.WriteAllBytes(next, RootFormat.Write(Component, CurrentFormat));
        _fileSystem.File.Move(next, format, overwrite: true);
    }

    private string? FirstForeignEntry(string path) => _fileSystem.Directory.EnumerateFileSystemEntries(path).Select(Path.GetFileName)
        .FirstOrDefault(name => name != LockFile && !name!.StartsWith($"{RootFormat.FileName}.", StringComparison.Ordinal));

    private byte[] ReadFormat(string path)
    {
        using Stream file = _fileSystem.File.OpenRead(path);
        byte[] content = new byte[RootFormat.MaxBytes + 1];
        return content[..file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false)];
    }
}
