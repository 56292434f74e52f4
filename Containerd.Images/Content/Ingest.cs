using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Containerd.Images;

/// <summary>The directory of one ingest, and the lock that makes its holder the only writer: <c>ingest/&lt;sha256 of the reference&gt;/{lock,ingest.json,data}</c>.</summary>
internal sealed class Ingest : IDisposable
{
    private const int MaxRecordBytes = 16 * 1024;

    private readonly ImageRoot _root;
    private readonly string _path;
    private readonly FileLock _lock;

    private Ingest(ImageRoot root, string path, FileLock held) => (_root, _path, _lock) = (root, path, held);

    public string DataPath => Path.Join(_path, "data");

    /// <summary>Takes the ingest of a reference, or returns null where another writer has it.</summary>
    public static async Task<Ingest?> TryTakeAsync(ImageRoot root, string reference, bool create, CancellationToken cancellationToken)
    {
        string path = PathOf(root, reference);
        using FileLock guard = await GuardAsync(root, cancellationToken).ConfigureAwait(false);
        if (create)
            root.Files.Directory.CreateDirectory(path);
        else if (!root.Files.Directory.Exists(path))
            throw new ContainerdException(ErrorKind.NotFound, $"No ingest '{Excerpt.Of(reference)}' in the content store.") { Subject = reference };
        return FileLock.TryAcquire(Path.Join(path, "lock")) is { } held ? new Ingest(root, path, held) : null;
    }

    /// <summary>What the ingest in a directory is, without taking it; null where nothing there can be read.</summary>
    public static async Task<IngestStatus?> ReadStatusAsync(ImageRoot root, string path, CancellationToken cancellationToken)
    {
        if (await ReadAsync(root, path, cancellationToken).ConfigureAwait(false) is not { } record)
            return null;
        var data = root.Files.FileInfo.New(Path.Join(path, "data"));
        bool begun = data.Exists;
        return new IngestStatus
        {
            Reference = record.Reference,
            Offset = begun ? data.Length : 0,
            Total = record.Size,
            Expected = record.Digest,
            StartedAt = record.StartedAt,
            UpdatedAt = begun ? new DateTimeOffset(data.LastWriteTimeUtc) : record.StartedAt,
        };
    }

    /// <summary>Makes the ingest one that expects a descriptor, dropping what it has where that was meant for something else or cannot be told (C-2, C-3).</summary>
    public async Task BeginAsync(string reference, Descriptor? expected, CancellationToken cancellationToken)
    {
        if (await ReadAsync(_root, _path, cancellationToken).ConfigureAwait(false) is { } record && record.Reference == reference && record.Expects(expected))
            return;
        _root.Files.File.Delete(DataPath);
        record = new IngestRecord { Reference = reference, StartedAt = _root.Now, Digest = expected?.Digest, Size = expected?.Size };
        // Not flushed: after a loss of power an unreadable record only means to start anew.
        string temporary = Path.Join(_path, "ingest.json.new");
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(record, ImageJson.Default.IngestRecord);
        await _root.Files.File.WriteAllBytesAsync(temporary, json, cancellationToken).ConfigureAwait(false);
        _root.Files.File.Move(temporary, RecordPath(_path), overwrite: true);
    }

    /// <summary>Removes the ingest and lets go of it.</summary>
    public async Task DropAsync()
    {
        // The large file first, outside the guard, which others wait for.
        _root.Files.File.Delete(DataPath);
        using FileLock guard = await GuardAsync(_root, CancellationToken.None).ConfigureAwait(false);
        _lock.Dispose();
        _root.Files.Directory.Delete(_path, recursive: true);
    }

    public void Dispose() => _lock.Dispose();

    // Locks are opened and removed under this one only, so that nobody can be left holding the lock of a file that has no name any more.
    private static Task<FileLock> GuardAsync(ImageRoot root, CancellationToken cancellationToken) =>
        FileLock.AcquireAsync(Path.Join(root.IngestsPath, "lock"), root.Options.TimeProvider, cancellationToken);

    private static string PathOf(ImageRoot root, string reference) =>
        Path.Join(root.IngestsPath, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(reference))));

    private static string RecordPath(string path) => Path.Join(path, "ingest.json");

    private static async Task<IngestRecord?> ReadAsync(ImageRoot root, string path, CancellationToken cancellationToken)
    {
        try
        {
            var file = root.Files.FileInfo.New(RecordPath(path));
            if (!file.Exists || file.Length > MaxRecordBytes)
                return null;
            byte[] json = await root.Files.File.ReadAllBytesAsync(file.FullName, cancellationToken).ConfigureAwait(false);
            return JsonSerializer.Deserialize(json, ImageJson.Default.IngestRecord);
        }
        catch (Exception e) when (e is JsonException or FileNotFoundException or DirectoryNotFoundException)
        {
            // Damaged, or gone meanwhile: there is nothing to resume.
            return null;
        }
    }
}
