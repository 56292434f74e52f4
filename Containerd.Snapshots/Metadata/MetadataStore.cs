using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace Containerd.Snapshots;

/// <summary>The database of a store: one connection that writes, any number that read.</summary>
/// <remarks>
/// Transactions are short, a few statements, and no file is touched in one. Reads run on the caller's thread: they take microseconds and do not wait
/// for writers (WAL), only, up to ten seconds, for a process that has the database to itself while it opens or closes it. Whoever writes waits for the other writers of this process in line, and for those of other processes by trying again.
/// </remarks>
internal sealed partial class MetadataStore : IDisposable
{
    private const int ReaderBusyMilliseconds = 10_000;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SilentWait = TimeSpan.FromSeconds(1);

    private readonly string _file;
    private readonly MetadataConnection _writer;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly ConcurrentBag<MetadataConnection> _readers = [];
    private readonly TimeSpan _busyTimeout;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
    private volatile bool _isDisposed;

    private MetadataStore(string file, MetadataConnection writer, TimeSpan busyTimeout, TimeProvider timeProvider, ILogger logger)
    {
        _file = file;
        _writer = writer;
        _busyTimeout = busyTimeout;
        _timeProvider = timeProvider;
        _logger = logger;
    }

    /// <summary>Opens the database and brings it to the current version. The caller holds the root's lock.</summary>
    public static MetadataStore Open(string file, Durability durability, TimeSpan busyTimeout, TimeProvider timeProvider, ILogger logger)
    {
        MetadataConnection? writer = null;
        try
        {
            // While it is opened nobody can be kept waiting asynchronously; a writer is done in a moment.
            using (MetadataConnection first = MetadataConnection.Open(file, ReaderBusyMilliseconds, durability))
                MetadataSchema.Migrate(first);
            writer = MetadataConnection.Open(file, 0, durability);
            return new MetadataStore(file, writer, busyTimeout, timeProvider, logger);
        }
        catch (SqliteException e)
        {
            writer?.Dispose();
            throw MetadataFailure.Of(file, e);
        }
    }

    /// <summary>Reads by one statement.</summary>
    public T Read<T>(Func<MetadataConnection, T> body)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, typeof(ISnapshotter));
        MetadataConnection? reader = null;
        try
        {
            if (!_readers.TryTake(out reader))
                reader = MetadataConnection.Open(_file, ReaderBusyMilliseconds, Durability.Relaxed);
            T result = body(reader);
            Return(ref reader);
            return result;
        }
        catch (SqliteException e)
        {
            throw MetadataFailure.Of(_file, e);
        }
        catch (ContainerdException) when (reader is not null)
        {
            // The answer to the question, not a failure to ask it.
            reader.Rollback();
            Return(ref reader);
            throw;
        }
        finally
        {
            // After another failure its state is unknown: it is not used again.
            reader?.Dispose();
        }
    }

    /// <summary>Reads by several statements that all see one state of the database.</summary>
    public T ReadConsistent<T>(Func<MetadataConnection, T> body) => Read(reader =>
    {
        reader.BeginRead();
        T result = body(reader);
        reader.Rollback();
        return result;
    });

    /// <summary>Runs one transaction; what the body throws undoes it.</summary>
    /// <param name="body">Statements only: no file work, no waiting.</param>
    /// <param name="cancellationToken">Ends the wait for other writers; once the transaction has begun it is brought to its end.</param>
    public async Task<T> WriteAsync<T>(Func<MetadataConnection, T> body, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(ISnapshotter));
            await BeginAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                T result = body(_writer);
                _writer.Commit();
                return result;
            }
            catch
            {
                _writer.Rollback();
                throw;
            }
        }
        catch (SqliteException e)
        {
            throw MetadataFailure.Of(_file, e);
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose()
    {
        // Whoever is in a transaction finishes it; a transaction is short.
        _gate.Wait();
        try
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            _writer.Dispose();
            DisposeReaders();
        }
        finally
        {
            _gate.Release();
        }
    }

    private void Return(ref MetadataConnection? reader)
    {
        _readers.Add(reader!);
        reader = null;
        // Nobody else would close it.
        if (_isDisposed)
            DisposeReaders();
    }

    private void DisposeReaders()
    {
        while (_readers.TryTake(out MetadataConnection? reader))
            reader.Dispose();
    }

    private async ValueTask BeginAsync(CancellationToken cancellationToken)
    {
        if (_writer.TryBeginWrite())
            return;
        long start = _timeProvider.GetTimestamp();
        bool told = false;
        for (TimeSpan pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            TimeSpan waited = _timeProvider.GetElapsedTime(start);
            if (waited >= _busyTimeout)
            {
                throw new ContainerdException(
                    ErrorKind.Unavailable,
                    $"Metadata '{Excerpt.Of(_file)}': other processes kept writing for {waited.TotalSeconds:F1} s; one of them may be stopped in the middle of a transaction.")
                { Subject = _file };
            }
            if (!told && waited >= SilentWait)
            {
                told = true;
                LogWaiting(_file);
            }
            await Task.Delay(pause, _timeProvider, cancellationToken).ConfigureAwait(false);
            if (_writer.TryBeginWrite())
                return;
        }
    }

    [LoggerMessage(EventId = 3011, Level = LogLevel.Information, Message = "Waiting for another process to finish writing '{File}'")]
    private partial void LogWaiting(string file);
}
