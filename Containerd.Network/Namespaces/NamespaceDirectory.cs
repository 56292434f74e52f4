using Microsoft.Win32.SafeHandles;

namespace Containerd.Network;

/// <summary>A directory of named namespaces, laid out as iproute2 does it: one empty file each, the namespace mounted on
/// it.</summary>
internal sealed class NamespaceDirectory
{
    // A careless program may mount on a name again and again; ours never does.
    private const int MaxStackedMounts = 64;

    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LockInterval = TimeSpan.FromMilliseconds(10);

    private readonly string _path;

    public NamespaceDirectory(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!Path.IsPathRooted(path))
            throw new ArgumentException("The directory of named network namespaces must be an absolute path.", nameof(path));
        _path = Path.TrimEndingDirectorySeparator(path);
    }

    public string PathOf(string name) => Path.Join(_path, name);

    /// <summary>Mounts the namespace on a name.</summary>
    public async Task AddAsync(string name, SafeFileHandle networkNamespace, CancellationToken cancellationToken)
    {
        Create();
        await EnsureSharedAsync(cancellationToken).ConfigureAwait(false);
        // Opened only now: a handle from before the directory became a mount point leads beneath the mount.
        using SafeFileHandle directory = Open() ?? throw Interop.Failure("Opening the directory of network namespaces", _path, Interop.ENOENT);
        await LockAsync(directory, cancellationToken).ConfigureAwait(false);

        // Without O_EXCL: a name without a mount is what a crash between making and mounting leaves, and under the lock
        // nobody is in between.
        string path = PathOf(name);
        using SafeFileHandle file = Interop.TryOpen(directory, name, Interop.FileOpening.CreateFile, out int errno)
            ?? throw (errno is Interop.ELOOP or Interop.EISDIR ? Occupied(path) : Interop.Failure("Making the name", path, errno));
        if (Interop.FileSystemOf(file, path) == Interop.NSFS_MAGIC)
        {
            throw new ContainerdException(ErrorKind.AlreadyExists, $"A network namespace of the name '{name}' exists already ({path}).")
            {
                Subject = name,
            };
        }
        CheckLeftover(file, path);
        errno = Interop.Bind(networkNamespace, file);
        if (errno == 0)
            return;
        int unlink = Interop.Unlink(directory, name);
        string rest = unlink == 0 ? "" : $" The empty file {path} remains ({Interop.Describe(unlink)}); it is replaced when the name is created again.";
        ContainerdException failure = Interop.Failure("Mounting the network namespace on", path, errno);
        throw rest.Length == 0 ? failure : new ContainerdException(failure.Kind, failure.Message + rest) { Subject = path, Errno = errno };
    }

    /// <summary>Removes a name.</summary>
    /// <param name="name">The name.</param>
    /// <param name="only">Remove it only where it is that of this namespace; null is whatever it is.</param>
    /// <param name="cancellationToken">Stops the waiting for the lock.</param>
    public async Task RemoveAsync(string name, NetworkNamespaceIdentity? only, CancellationToken cancellationToken)
    {
        using SafeFileHandle? directory = Open();
        if (directory is null)
            return;
        await LockAsync(directory, cancellationToken).ConfigureAwait(false);
        string path = PathOf(name);
        for (int i = 0; i < MaxStackedMounts; i++)
        {
            using SafeFileHandle? file = Interop.TryOpen(directory, name, Interop.FileOpening.LocationNoFollow, out int errno);
            if (file is null)
            {
                if (errno == Interop.ENOENT)
                    return;
                throw Interop.Failure("Opening the network namespace", path, errno);
            }
            if (Interop.FileSystemOf(file, path) != Interop.NSFS_MAGIC)
            {
                if (only is not null && i == 0)
                    return;
                CheckLeftover(file, path);
                errno = Interop.Unlink(directory, name);
                if (errno is 0 or Interop.ENOENT)
                    return;
                throw Interop.Failure("Deleting the name", path, errno);
            }
            Interop.FileStatus status = Interop.StatusOf(file, path);
            if (only is { } identity && i == 0 && identity != new NetworkNamespaceIdentity(status.Device, status.Inode))
                return;
            // EINVAL: somebody else, who does not take the lock, was faster.
            errno = Interop.Unmount(path);
            if (errno is not (0 or Interop.EINVAL or Interop.ENOENT))
                throw Interop.Failure("Unmounting the network namespace", path, errno);
        }
        throw new ContainerdException(
            ErrorKind.FailedPrecondition, $"More than {MaxStackedMounts} mounts lie on '{path}'; unmount them and delete the name again.")
        {
            Subject = path,
        };
    }

    public IReadOnlyList<string> List()
    {
        using SafeFileHandle? directory = Open();
        if (directory is null)
            return [];
        var names = new List<string>();
        foreach (string path in Directory.EnumerateFileSystemEntries(_path))
        {
            string name = Path.GetFileName(path);
            using SafeFileHandle? file = Interop.TryOpen(directory, name, Interop.FileOpening.LocationNoFollow, out int errno);
            if (file is null && errno != Interop.ENOENT)
                throw Interop.Failure("Opening the network namespace", path, errno);
            if (file is not null && Interop.FileSystemOf(file, path) == Interop.NSFS_MAGIC)
                names.Add(name);
        }
        names.Sort(StringComparer.Ordinal);
        return names;
    }

    private void Create()
    {
        try
        {
            Directory.CreateDirectory(_path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
                | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new ContainerdException(ErrorKind.PermissionDenied, $"Making the directory '{_path}' failed: {e.Message}", e) { Subject = _path };
        }
        catch (IOException e)
        {
            throw new ContainerdException(ErrorKind.FailedPrecondition, $"Making the directory '{_path}' failed: {e.Message}", e) { Subject = _path };
        }
    }

    private SafeFileHandle? Open()
    {
        SafeFileHandle? directory = Interop.TryOpen(null, _path, Interop.FileOpening.Directory, out int errno);
        return directory is not null || errno == Interop.ENOENT
            ? directory
            : throw Interop.Failure("Opening the directory of network namespaces", _path, errno);
    }

    // iproute2: an unmount must reach every mount namespace, or a name could not be deleted while any other one still shows it.
    private async Task EnsureSharedAsync(CancellationToken cancellationToken)
    {
        int errno = Interop.MakeShared(_path);
        if (errno == 0)
            return;
        if (errno != Interop.EINVAL)
            throw Interop.Failure("Sharing the mount", _path, errno);
        using SafeFileHandle directory = Open() ?? throw Interop.Failure("Opening the directory of network namespaces", _path, Interop.ENOENT);
        await LockAsync(directory, cancellationToken).ConfigureAwait(false);
        errno = Interop.MakeShared(_path);
        if (errno == Interop.EINVAL)
        {
            errno = Interop.BindOnItself(_path);
            if (errno == 0)
                errno = Interop.MakeShared(_path);
        }
        if (errno != 0)
            throw Interop.Failure("Making a shared mount of", _path, errno);
    }

    // Never blocking: whoever may read the directory may lock it, and keep it locked.
    private async Task LockAsync(SafeFileHandle directory, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(LockPatience);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            while (!Interop.TryLock(directory, _path))
                await Task.Delay(LockInterval, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ContainerdException(
                ErrorKind.Unavailable, $"Another process keeps '{_path}' locked (flock) for longer than {LockPatience.TotalSeconds} seconds.")
            {
                Subject = _path,
            };
        }
        cancellationToken.ThrowIfCancellationRequested();
    }

    private static void CheckLeftover(SafeFileHandle file, string path)
    {
        if (Interop.StatusOf(file, path) is not { IsRegularFile: true, Size: 0 })
            throw Occupied(path);
    }

    private static ContainerdException Occupied(string path) =>
        new(ErrorKind.FailedPrecondition, $"'{path}' is neither a network namespace nor a leftover of one; it is left alone.") { Subject = path };
}
