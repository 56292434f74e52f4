using System.IO.Abstractions;
using System.Runtime.CompilerServices;

namespace Containerd.Images;

/// <summary>A content store in a directory that is an OCI image layout, which skopeo, umoci and buildah read as it is.</summary>
/// <remarks>
/// <para>Any number of processes may share the root. The root is made on first use, private to the user (0700); one that belongs to somebody else, that
/// others can write, that holds something but no <c>format</c> file, or that another version wrote in another format is refused before anything in it is touched.
/// On other systems than Linux the owner is not checked, on Windows neither is the mode.</para>
/// <para>A blob is a file <c>blobs/ALGORITHM/HEX</c>, mode 0444, that appears by a rename once its bytes are flushed and verified. Its labels are in <c>images.db</c>;
/// the file alone decides whether the content exists, and one whose size is not the one that was committed counts as absent.</para>
/// <para>An ingest's writer holds an OS lock that its process cannot outlive. Opening an ingest that was left hashes again what it has.</para>
/// <para>Thread-safe. Needs no privilege, and a file system with working locks (<see cref="ErrorKind.NotSupported"/> otherwise). Disposal waits for
/// the use of the database in progress, which is short, and closes it; writers and streams that are open stay usable, but a writer can no longer commit.</para>
/// <para>Beyond what the interface says, every call may throw <see cref="ContainerdException"/> with <see cref="ErrorKind.FailedPrecondition"/> (no images root),
/// <see cref="ErrorKind.NotSupported"/> (another format or schema), <see cref="ErrorKind.PermissionDenied"/>, <see cref="ErrorKind.DataCorrupted"/> (the database is damaged) or <see cref="ErrorKind.ResourceExhausted"/>
/// (the disk is full).</para>
/// <para>Source: containerd plugins/content/local; image-spec v1.1 image-layout.md.</para>
/// </remarks>
public sealed class ContentStore : IContentStore, IDisposable
{
    private readonly ImageRoot _root;

    /// <summary>Uses a root directory. Nothing is read or written before the first call.</summary>
    /// <param name="root">The directory; it is made where it does not exist.</param>
    /// <param name="options">Durability, file system and clock; null for the defaults. Copied.</param>
    public ContentStore(string root, ImageRootOptions? options = null) => _root = new ImageRoot(root, options);

    /// <inheritdoc/>
    public async Task<ContentInfo?> FindAsync(Digest digest, CancellationToken cancellationToken = default)
    {
        ThrowIfEmpty(digest);
        await _root.EnsureOpenAsync(cancellationToken).ConfigureAwait(false);
        return await FindInOpenRootAsync(digest, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<Stream> OpenReadAsync(Digest digest, CancellationToken cancellationToken = default)
    {
        if (await FindAsync(digest, cancellationToken).ConfigureAwait(false) is null)
            throw NotFound(digest);
        string path = _root.BlobPath(digest);
        try
        {
            return _root.Files.FileStream.New(path, new FileStreamOptions
            {
                Mode = FileMode.Open,
                Access = FileAccess.Read,
                Share = FileShare.Read | FileShare.Delete,
                Options = FileOptions.SequentialScan,
                BufferSize = 0,
            });
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw NotFound(digest);
        }
        catch (Exception e) when (StorageError.Is(e))
        {
            throw StorageError.From(e, "Opening content", path);
        }
    }

    /// <inheritdoc/>
    public async Task<IContentWriter> OpenWriterAsync(string reference, Descriptor? expected = null, CancellationToken cancellationToken = default)
    {
        NameRule.Validate(reference, "an ingest reference");
        await _root.EnsureOpenAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await ThrowIfPresentAsync(expected, cancellationToken).ConfigureAwait(false);
            Ingest ingest = await Ingest.TryTakeAsync(_root, reference, create: true, cancellationToken).ConfigureAwait(false)
                ?? throw Busy(reference);
            try
            {
                await ingest.BeginAsync(reference, expected, cancellationToken).ConfigureAwait(false);
                // The writer before this one may have committed between the first look and the lock.
                if (expected is not null && await FindInOpenRootAsync(expected.Digest, cancellationToken).ConfigureAwait(false) is not null)
                {
                    await ingest.DropAsync().ConfigureAwait(false);
                    throw Present(expected.Digest);
                }
                return await ContentWriter.OpenAsync(this, _root, ingest, reference, expected, cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                ingest.Dispose();
                throw;
            }
        }
        catch (Exception e) when (StorageError.Is(e))
        {
            throw StorageError.From(e, $"Opening ingest '{Excerpt.Of(reference)}'", _root.IngestsPath);
        }
    }

    /// <inheritdoc/>
    public async Task<ContentInfo> UpdateAsync(Digest digest, LabelUpdate labels, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ContentInfo content = await FindAsync(digest, cancellationToken).ConfigureAwait(false) ?? throw NotFound(digest);
        return await ContentLabels.UpdateAsync(_root, content, labels, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ContentInfo> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await _root.EnsureOpenAsync(cancellationToken).ConfigureAwait(false);
        foreach (string algorithm in Names(_root.Files.Directory.GetDirectories, _root.BlobsPath))
        {
            foreach (string blob in Names(_root.Files.Directory.GetFiles, algorithm))
            {
                if (Digest.TryParse($"{Path.GetFileName(algorithm)}:{Path.GetFileName(blob)}", out Digest digest)
                    && await FindInOpenRootAsync(digest, cancellationToken).ConfigureAwait(false) is { } content)
                {
                    yield return content;
                }
            }
        }
    }

    /// <inheritdoc/>
    public async Task DeleteAsync(Digest digest, CancellationToken cancellationToken = default)
    {
        if (await FindAsync(digest, cancellationToken).ConfigureAwait(false) is null)
            throw NotFound(digest);
        string path = _root.BlobPath(digest);
        try
        {
            if (OperatingSystem.IsWindows())
                _root.Files.File.SetAttributes(path, FileAttributes.Normal);
            _root.Files.File.Delete(path);
            await _root.FlushDirectoryAsync(Path.GetDirectoryName(path)!).ConfigureAwait(false);
        }
        catch (Exception e) when (StorageError.Is(e))
        {
            throw StorageError.From(e, $"Deleting content {digest}", path);
        }
        // Labels without a file are no content, so that what a process killed here leaves does not matter.
        await ContentLabels.DeleteAsync(_root, digest, CancellationToken.None).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<IngestStatus> ListIngestsAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await _root.EnsureOpenAsync(cancellationToken).ConfigureAwait(false);
        foreach (string path in Names(_root.Files.Directory.GetDirectories, _root.IngestsPath))
        {
            if (await ReadStatusAsync(path, cancellationToken).ConfigureAwait(false) is { } status)
                yield return status;
        }
    }

    /// <inheritdoc/>
    public async Task AbortAsync(string reference, CancellationToken cancellationToken = default)
    {
        NameRule.Validate(reference, "an ingest reference");
        await _root.EnsureOpenAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            using Ingest ingest = await Ingest.TryTakeAsync(_root, reference, create: false, cancellationToken).ConfigureAwait(false)
                ?? throw Busy(reference);
            await ingest.DropAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (StorageError.Is(e))
        {
            throw StorageError.From(e, $"Dropping ingest '{Excerpt.Of(reference)}'", _root.IngestsPath);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _root.Dispose();

    internal async Task<ContentInfo?> FindInOpenRootAsync(Digest digest, CancellationToken cancellationToken)
    {
        IFileInfo file = _root.Files.FileInfo.New(_root.BlobPath(digest));
        if (!file.Exists)
            return null;
        (long size, DateTimeOffset written) = (file.Length, new DateTimeOffset(file.LastWriteTimeUtc));
        ContentInfo? known = await ContentLabels.FindAsync(_root, digest, cancellationToken).ConfigureAwait(false);
        // Committed by a process that was killed before it could say so, the blob is whole all the same.
        return known is null ? new ContentInfo { Digest = digest, Size = size, CreatedAt = written, UpdatedAt = written }
            : known.Size == size ? known
            : null;
    }

    // An iterator cannot translate what it enumerates lazily.
    private static string[] Names(Func<string, string[]> list, string directory)
    {
        try
        {
            return list(directory);
        }
        catch (Exception e) when (StorageError.Is(e))
        {
            throw StorageError.From(e, "Listing the content store", directory);
        }
    }

    private async Task<IngestStatus?> ReadStatusAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            return await Ingest.ReadStatusAsync(_root, path, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (StorageError.Is(e))
        {
            throw StorageError.From(e, "Reading an ingest", path);
        }
    }

    private async Task ThrowIfPresentAsync(Descriptor? expected, CancellationToken cancellationToken)
    {
        if (expected is not null && await FindInOpenRootAsync(expected.Digest, cancellationToken).ConfigureAwait(false) is not null)
            throw Present(expected.Digest);
    }

    private static ContainerdException Present(Digest digest) =>
        new(ErrorKind.AlreadyExists, $"The store has content {digest} already.") { Subject = digest.ToString() };

    private static ContainerdException Busy(string reference) =>
        new(ErrorKind.Unavailable, $"Another writer has ingest '{Excerpt.Of(reference)}' open. Wait until it is done, then look whether the content is there.")
        {
            Subject = reference,
        };

    private static ContainerdException NotFound(Digest digest) =>
        new(ErrorKind.NotFound, $"No content {digest} in the store.") { Subject = digest.ToString() };

    private static void ThrowIfEmpty(Digest digest)
    {
        if (digest.IsEmpty)
            throw new ArgumentException("The empty digest names no content.", nameof(digest));
    }
}
