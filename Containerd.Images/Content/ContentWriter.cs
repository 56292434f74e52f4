using System.Buffers;
using System.IO.Abstractions;
using System.Security.Cryptography;

namespace Containerd.Images;

/// <summary>An ingest of <see cref="ContentStore"/>: a file that is hashed while it grows, and renamed into place when it is whole.</summary>
internal sealed class ContentWriter : IContentWriter
{
    private const int RehashBytes = 1 << 20;
    private const UnixFileMode IngestMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode BlobMode = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private readonly ContentStore _store;
    private readonly ImageRoot _root;
    private readonly Ingest _ingest;
    private readonly Descriptor? _expected;
    private readonly HashAlgorithmName _algorithm;
    private readonly IncrementalHash _hash;
    private readonly FileSystemStream _data;
    private bool _isClosed;

    private ContentWriter(ContentStore store, ImageRoot root, Ingest ingest, string reference, Descriptor? expected, FileSystemStream data)
    {
        (_store, _root, _ingest, Reference, _expected, _data) = (store, root, ingest, reference, expected, data);
        _algorithm = expected?.Digest.HashName ?? HashAlgorithmName.SHA256;
        _hash = IncrementalHash.CreateHash(_algorithm);
    }

    public string Reference { get; }

    public long Offset { get; private set; }

    public static async Task<ContentWriter> OpenAsync(
        ContentStore store, ImageRoot root, Ingest ingest, string reference, Descriptor? expected, CancellationToken cancellationToken)
    {
        // A commit that was cancelled or killed late has left it read-only.
        if (!OperatingSystem.IsWindows() && root.Files.File.Exists(ingest.DataPath))
            root.Files.File.SetUnixFileMode(ingest.DataPath, IngestMode);
        FileSystemStream data = root.Files.FileStream.New(ingest.DataPath, new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.ReadWrite,
            Share = FileShare.Read,
            BufferSize = 0,
        });
        var writer = new ContentWriter(store, root, ingest, reference, expected, data);
        try
        {
            await writer.ResumeAsync(cancellationToken).ConfigureAwait(false);
            return writer;
        }
        catch
        {
            await writer.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isClosed, this);
        if (_expected is not null && Offset + bytes.Length > _expected.Size)
        {
            throw new ContainerdException(ErrorKind.ResourceExhausted, $"More bytes came for ingest '{Excerpt.Of(Reference)}' than the {_expected.Size} of {_expected}.")
            {
                Subject = Reference,
            };
        }
        try
        {
            // An earlier write that failed may have left the position behind what counts as written.
            _data.Position = Offset;
            await _data.WriteAsync(bytes, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (StorageError.Is(e))
        {
            throw StorageError.From(e, $"Writing ingest '{Excerpt.Of(Reference)}'", _ingest.DataPath);
        }
        _hash.AppendData(bytes.Span);
        Offset += bytes.Length;
    }

    public ValueTask ResetAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isClosed, this);
        cancellationToken.ThrowIfCancellationRequested();
        _data.SetLength(0);
        _hash.TryGetHashAndReset(stackalloc byte[_hash.HashLengthInBytes], out _);
        Offset = 0;
        return ValueTask.CompletedTask;
    }

    public async Task<ContentInfo> CommitAsync(
        Digest? expected = null, IReadOnlyDictionary<string, string>? labels = null, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isClosed, this);
        try
        {
            Labels.Validate(labels);
            cancellationToken.ThrowIfCancellationRequested();
            if (_expected is not null && Offset < _expected.Size)
            {
                throw new ContainerdException(ErrorKind.FailedPrecondition, $"Ingest '{Excerpt.Of(Reference)}' has {Offset} of the {_expected.Size} bytes of {_expected}: go on writing, then commit.")
                {
                    Subject = Reference,
                };
            }
            Digest digest = await VerifyAsync(expected, cancellationToken).ConfigureAwait(false);
            return await PublishAsync(digest, labels, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (StorageError.Is(e))
        {
            throw StorageError.From(e, $"Committing ingest '{Excerpt.Of(Reference)}'", _ingest.DataPath);
        }
        finally
        {
            await DisposeAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_isClosed)
            return;
        _isClosed = true;
        await _data.DisposeAsync().ConfigureAwait(false);
        _hash.Dispose();
        _ingest.Dispose();
    }

    private async Task ResumeAsync(CancellationToken cancellationToken)
    {
        if (_data.Length > (_expected?.Size ?? long.MaxValue))
            _data.SetLength(0);
        Offset = await HashFileAsync(_hash, cancellationToken).ConfigureAwait(false);
    }

    private async Task<long> HashFileAsync(IncrementalHash hash, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(RehashBytes);
        try
        {
            _data.Position = 0;
            long total = 0;
            int read;
            while ((read = await _data.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
            {
                hash.AppendData(buffer, 0, read);
                total += read;
            }
            return total;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task<Digest> VerifyAsync(Digest? wanted, CancellationToken cancellationToken)
    {
        if (_data.Length > Offset)
            _data.SetLength(Offset);
        Digest actual = Digest.FromHash(_algorithm, _hash.GetCurrentHash());
        foreach (Digest expected in new[] { _expected?.Digest, wanted }.OfType<Digest>())
        {
            Digest comparable = actual;
            if (expected.HashName != _algorithm)
            {
                using IncrementalHash other = expected.CreateHash();
                await HashFileAsync(other, cancellationToken).ConfigureAwait(false);
                comparable = Digest.FromHash(expected.HashName, other.GetCurrentHash());
            }
            if (comparable != expected)
            {
                await DropAsync().ConfigureAwait(false);
                throw new DigestMismatchException($"Ingest '{Excerpt.Of(Reference)}'", expected, comparable, _expected?.Size, Offset);
            }
        }
        return wanted ?? _expected?.Digest ?? actual;
    }

    // Bytes first, then the name, then the labels (L-12).
    private async Task<ContentInfo> PublishAsync(Digest digest, IReadOnlyDictionary<string, string>? labels, CancellationToken cancellationToken)
    {
        bool wasPresent = await _store.FindInOpenRootAsync(digest, cancellationToken).ConfigureAwait(false) is not null;
        if (!wasPresent)
        {
            if (!OperatingSystem.IsWindows())
                _root.Files.File.SetUnixFileMode(_ingest.DataPath, BlobMode);
            await _root.FlushAsync(_data).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            await _data.DisposeAsync().ConfigureAwait(false);
            string path = _root.BlobPath(digest);
            string directory = Path.GetDirectoryName(path)!;
            if (!_root.Files.Directory.Exists(directory))
            {
                _root.Files.Directory.CreateDirectory(directory);
                await _root.FlushDirectoryAsync(_root.BlobsPath).ConfigureAwait(false);
            }
            _root.Files.File.Move(_ingest.DataPath, path, overwrite: true);
            await _root.FlushDirectoryAsync(directory).ConfigureAwait(false);
        }
        // From here on the content is there: what the caller cancels now is only its own waiting.
        ContentInfo content = await ContentLabels.CommitAsync(_root, digest, Offset, wasPresent, labels, CancellationToken.None).ConfigureAwait(false);
        await DropAsync().ConfigureAwait(false);
        return content;
    }

    private async Task DropAsync()
    {
        await _data.DisposeAsync().ConfigureAwait(false);
        await _ingest.DropAsync().ConfigureAwait(false);
    }
}
