using System.IO.Abstractions;

namespace Containerd.Images;

/// <summary>
/// The root directory: an OCI image layout (<c>oci-layout</c>, <c>index.json</c>, <c>blobs/</c>), and beside it <c>format</c>, <c>lock</c>,
/// <c>ingest/</c> and <c>images.db</c>. Opened on first use, by as many processes as like.
/// </summary>
internal sealed class ImageRoot : IDisposable
{
    private const string Component = "images";
    private const int Format = 1;

    private readonly SemaphoreSlim _opening = new(1);
    private volatile bool _isOpen;

    public ImageRoot(string path, ImageRootOptions? options)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Options = (options ?? new ImageRootOptions()).Copy();
        Path = System.IO.Path.GetFullPath(path);
        Database = new Database(System.IO.Path.Join(Path, "images.db"), Options.Durability);
    }

    public string Path { get; }

    public ImageRootOptions Options { get; }

    public Database Database { get; }

    public IFileSystem Files => Options.FileSystem;

    public string BlobsPath => System.IO.Path.Join(Path, "blobs");

    public string IngestsPath => System.IO.Path.Join(Path, "ingest");

    /// <summary>Held for moments, while files that belong to the root as a whole are made or replaced.</summary>
    public string LockPath => System.IO.Path.Join(Path, "lock");

    public DateTimeOffset Now => Options.TimeProvider.GetUtcNow();

    public string BlobPath(Digest digest) => System.IO.Path.Join(BlobsPath, digest.Algorithm, digest.Hex);

    public async ValueTask EnsureOpenAsync(CancellationToken cancellationToken)
    {
        if (_isOpen)
            return;
        await _opening.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_isOpen)
                await OpenAsync(cancellationToken).ConfigureAwait(false);
            _isOpen = true;
        }
        catch (Exception e) when (StorageError.Is(e))
        {
            throw StorageError.From(e, "Opening the images root", Path);
        }
        finally
        {
            _opening.Release();
        }
    }

    /// <summary>Replaces a small file in one step.</summary>
    public async Task ReplaceFileAsync(string path, byte[] content, CancellationToken cancellationToken)
    {
        string temporary = path + ".new";
        FileSystemStream file = Files.FileStream.New(temporary, FileMode.Create, FileAccess.Write, FileShare.None);
        await using (file.ConfigureAwait(false))
        {
            await file.WriteAsync(content, cancellationToken).ConfigureAwait(false);
            await FlushAsync(file).ConfigureAwait(false);
        }
        Files.File.Move(temporary, path, overwrite: true);
        await FlushDirectoryAsync(System.IO.Path.GetDirectoryName(path)!).ConfigureAwait(false);
    }

    public Task FlushAsync(FileSystemStream file) =>
        Options.Durability == Durability.Full ? Task.Run(() => file.Flush(flushToDisk: true)) : file.FlushAsync();

    public Task FlushDirectoryAsync(string path) =>
        Options.Durability == Durability.Full ? Task.Run(() => Interop.FlushDirectory(path)) : Task.CompletedTask;

    // The semaphore has nothing to be freed, and a call that still waits for it must be able to.
    public void Dispose() => Database.Dispose();

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        if (!Files.Directory.Exists(Path))
            CreateDirectory(Path);
        CheckOwnerAndMode();
        // Before anything is touched, the lock file included.
        bool isNew = !await CheckFormatAsync(cancellationToken).ConfigureAwait(false);
        using FileLock held = await FileLock.AcquireAsync(LockPath, Options.TimeProvider, cancellationToken).ConfigureAwait(false);
        if (!held.Excludes())
        {
            throw new ContainerdException(ErrorKind.NotSupported,
                $"Opening the images root '{Path}': file locks have no effect here, so that several writers could not be kept apart. "
                + "The file system lacks them, or System.IO.DisableFileLocking is set; use a local file system and clear the setting.")
            { Subject = Path };
        }
        if (isNew && !await CheckFormatAsync(cancellationToken).ConfigureAwait(false))
        {
            await ReplaceFileAsync(FormatPath, RootFormat.Write(Component, Format), cancellationToken).ConfigureAwait(false);
        }
        CreateDirectory(System.IO.Path.Join(BlobsPath, "sha256"));
        CreateDirectory(IngestsPath);
        await FlushDirectoryAsync(BlobsPath).ConfigureAwait(false);
        await FlushDirectoryAsync(Path).ConfigureAwait(false);
        string layout = System.IO.Path.Join(Path, "oci-layout");
        if (!Files.File.Exists(layout))
            await ReplaceFileAsync(layout, """{"imageLayoutVersion":"1.0.0"}"""u8.ToArray(), cancellationToken).ConfigureAwait(false);
        await Database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await LayoutIndex.WriteAsync(this, cancellationToken).ConfigureAwait(false);
    }

    private string FormatPath => System.IO.Path.Join(Path, RootFormat.FileName);

    /// <summary>Whether there is a format that this version reads; false where the root is new.</summary>
    private async Task<bool> CheckFormatAsync(CancellationToken cancellationToken)
    {
        if (!Files.File.Exists(FormatPath))
        {
            // A lock and an unfinished format are what another process leaves that is about to make the root, or was killed while it did.
            string? stranger = Files.Directory.EnumerateFileSystemEntries(Path)
                .Select(System.IO.Path.GetFileName)
                .FirstOrDefault(name => name is not ("lock" or "format.new" or "format"));
            if (stranger is null)
                return false;
            // Made by another process between the two looks?
            if (!Files.File.Exists(FormatPath))
            {
                throw new ContainerdException(
                    ErrorKind.FailedPrecondition,
                    $"'{Path}' is no images root: it has no 'format' file but contains '{Excerpt.Of(stranger)}'. Give an empty directory, or import the image layout that is there.")
                { Subject = Path };
            }
        }

        FileSystemStream file = Files.FileStream.New(FormatPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        await using (file.ConfigureAwait(false))
        {
            byte[] json = new byte[RootFormat.MaxBytes + 1];
            int length = await file.ReadAtLeastAsync(json, json.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
            RootFormat.Check(json.AsSpan(0, length), Path, Component, Format, Format);
        }
        return true;
    }

    // The root is the boundary: whoever else could write in it could replace content that was verified (CVE-2024-25621).
    private void CheckOwnerAndMode()
    {
        if (OperatingSystem.IsWindows())
            return;
        if (OperatingSystem.IsLinux() && Interop.OwnerOf(Path) is var owner && owner != Interop.GetEffectiveUserId())
        {
            throw new ContainerdException(
                ErrorKind.PermissionDenied, $"The images root '{Path}' belongs to user {owner}, not to this process's user {Interop.GetEffectiveUserId()}.")
            { Subject = Path };
        }
        UnixFileMode mode = Files.File.GetUnixFileMode(Path);
        if ((mode & (UnixFileMode.OtherWrite | UnixFileMode.GroupWrite)) != 0)
        {
            throw new ContainerdException(
                ErrorKind.PermissionDenied, $"Other users can write in the images root '{Path}' ({mode}). Make it private (mode 0700) first, if what it holds can still be trusted.")
            { Subject = Path };
        }
    }

    private void CreateDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
            Files.Directory.CreateDirectory(path);
        else
            Files.Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
