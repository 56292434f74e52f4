using System.IO.Abstractions;
using System.Reflection;
using System.Text.Json;

namespace Containerd.Images;

/// <summary>
/// The root directory: an OCI image layout (<c>oci-layout</c>, <c>index.json</c>, <c>blobs/</c>), and beside it <c>format</c>, <c>lock</c>,
/// <c>ingest/</c> and <c>images.db</c>. Opened on first use, by as many processes as like.
/// </summary>
internal sealed class ImageRoot : IDisposable
{
    private const string Component = "images";
    private const int Format = 1;
    private const int MaxFormatBytes = 4096;

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

    public void Dispose()
    {
        Database.Dispose();
        _opening.Dispose();
    }

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
            var format = new RootFormat { Component = Component, Format = Format, Writer = WriterVersion };
            await ReplaceFileAsync(FormatPath, JsonSerializer.SerializeToUtf8Bytes(format, ImageJson.Default.RootFormat), cancellationToken).ConfigureAwait(false);
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

    private string FormatPath => System.IO.Path.Join(Path, "format");

    private static string WriterVersion =>
        typeof(ImageRoot).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0.0.0";

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

        if (Files.FileInfo.New(FormatPath).Length > MaxFormatBytes)
            throw Damaged(null);
        RootFormat? found;
        try
        {
            found = JsonSerializer.Deserialize(await Files.File.ReadAllBytesAsync(FormatPath, cancellationToken).ConfigureAwait(false), ImageJson.Default.RootFormat);
        }
        catch (JsonException e)
        {
            throw Damaged(e);
        }
        if (found is null)
            throw Damaged(null);
        if (found.Component != Component || found.Format != Format)
        {
            throw new ContainerdException(
                ErrorKind.FailedPrecondition,
                $"'{Path}' holds {Excerpt.Of(found.Component)} in format {found.Format}, written by version {Excerpt.Of(found.Writer)}; "
                + $"version {WriterVersion} reads {Component} in format {Format}. Use a version that reads it, or another directory.")
            { Subject = Path };
        }
        return true;
    }

    private ContainerdException Damaged(JsonException? e) =>
        new(ErrorKind.DataCorrupted, $"'{FormatPath}' is damaged: it does not say what the root is.", e) { Subject = FormatPath };

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
