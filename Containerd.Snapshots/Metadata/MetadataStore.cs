using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
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
    private const int IndexPolls = 200;
    private const int IndexPollMilliseconds = 5;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SilentWait = TimeSpan.FromSeconds(1);

    private readonly string _file;
    private readonly MetadataConnection? _writer;
    private readonly StillDatabase? _still;
    private readonly Func<MetadataConnection> _openReader;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly ConcurrentBag<MetadataConnection> _readers = [];
    private readonly TimeSpan _busyTimeout;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
    private volatile bool _isDisposed;

    private MetadataStore(
        string file, MetadataConnection? writer, Func<MetadataConnection> openReader, TimeSpan busyTimeout, TimeProvider timeProvider, ILogger logger, StillDatabase? still = null)
    {
        _file = file;
        _still = still;
        _writer = writer;
        _openReader = openReader;
        _busyTimeout = busyTimeout;
        _timeProvider = timeProvider;
        _logger = logger;
    }

    /// <summary>Opens the database and brings it to the current version. The caller holds the root's lock.</summary>
    /// <param name="file">Its path.</param>
    /// <param name="isNew">Whether it may be an empty one.</param>
    /// <param name="durability">When a transaction counts as done.</param>
    /// <param name="busyTimeout">How long a writer waits for others.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="logger">Where to log.</param>
    public static MetadataStore Open(string file, bool isNew, Durability durability, TimeSpan busyTimeout, TimeProvider timeProvider, ILogger logger)
    {
        // While it is opened nobody can be kept waiting asynchronously; a writer is done in a moment.
        using MetadataConnection first = MetadataConnection.Open(file, ReaderBusyMilliseconds, durability);
        MetadataSchema.Migrate(first, isNew);
        // While the first is open: whoever closes the database last has it to itself for that, and this one does not wait.
        MetadataConnection writer = MetadataConnection.Open(file, 0, durability);
        return new MetadataStore(
            file, writer, () => MetadataConnection.Open(file, ReaderBusyMilliseconds, Durability.Relaxed), busyTimeout, timeProvider, logger);
    }

    /// <summary>Opens the database to read only.</summary>
    /// <param name="file">Its path.</param>
    /// <param name="isImmutable">Whether it lies where nobody can write.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="logger">Where to log.</param>
    public static MetadataStore OpenReadOnly(string file, bool isImmutable, TimeProvider timeProvider, ILogger logger)
    {
        // What is in the log but not yet in the database is part of it; without an index of the log, which cannot be made here, it would be left out.
        var still = new StillDatabase(file);
        if (isImmutable && still.HasLog)
        {
            throw new ContainerdException(
                ErrorKind.FailedPrecondition,
                $"Metadata '{Excerpt.Of(file)}' has a log that was not merged into it before it came onto a read-only medium. Close the store where it is writable, then copy it again.")
            { Subject = file };
        }
        var store = new MetadataStore(
            file,
            null,
            () => MetadataConnection.OpenReadOnly(file, ReaderBusyMilliseconds),
            TimeSpan.Zero,
            timeProvider,
            logger,
            still);
        try
        {
            store.Read(connection =>
            {
                MetadataSchema.Check(connection);
                return true;
            });
            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>Reads by one statement.</summary>
    public T Read<T>(Func<MetadataConnection, T> body)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, typeof(ISnapshotter));
        if (_still is not null && TryReadStill(_still, body, out T? result))
        {
            DisposeReadersIfClosed();
            return result;
        }
        if (!_readers.TryTake(out MetadataConnection? reader))
            reader = _openReader();
        try
        {
            return body(reader);
        }
        finally
        {
            Return(reader);
        }
    }

    private bool TryReadStill<T>(StillDatabase still, Func<MetadataConnection, T> body, [MaybeNullWhen(false)] out T result)
    {
        for (int polls = 0; !still.TryRead(body, out result); polls++)
        {
            if (!still.IsIndexMissing)
                return false;
            if (polls == IndexPolls)
            {
                throw new ContainerdException(
                    ErrorKind.FailedPrecondition,
                    $"Metadata '{Excerpt.Of(_file)}' has a log, but not the index of it ('-shm'), which to read only is not made: of a copy, perhaps, that left it out. Open the store for writing once.")
                { Subject = _file };
            }
            Interop.Sys.AwaitNews(null, IndexPollMilliseconds);
        }
        return true;
    }

    /// <summary>Reads by several statements that all see one state of the database.</summary>
    public T ReadConsistent<T>(Func<MetadataConnection, T> body) => Read(reader =>
    {
        reader.BeginRead();
        return body(reader);
    });

    /// <summary>
    /// As <see cref="ReadConsistent"/>, for what is about to be changed: by the connection that writes where that is free, since it still has the pages in memory that it wrote
    /// last, and another connection has to read them again.
    /// </summary>
    public T ReadToWrite<T>(Func<MetadataConnection, T> body)
    {
        if (_writer is null || !_gate.Wait(0))
            return ReadConsistent(body);
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(ISnapshotter));
            _writer.BeginRead();
            try
            {
                return body(_writer);
            }
            finally
            {
                _writer.Rollback();
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Runs one transaction; what the body throws undoes it.</summary>
    /// <param name="body">Statements only: no file work, no waiting.</param>
    /// <param name="cancellationToken">Ends the wait for other writers; once the transaction has begun it is brought to its end.</param>
    public async Task<T> WriteAsync<T>(Func<MetadataConnection, T> body, CancellationToken cancellationToken)
    {
        if (_writer is null)
            throw new ContainerdException(ErrorKind.PermissionDenied, $"The store of '{Excerpt.Of(_file)}' was opened to read only.") { Subject = _file };
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(ISnapshotter));
            await BeginAsync(_writer, cancellationToken).ConfigureAwait(false);
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
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Runs one transaction while the store is being opened, when nobody can be kept waiting asynchronously.</summary>
    public T Write<T>(Func<MetadataConnection, T> body)
    {
        using MetadataConnection connection = _openReader();
        if (!connection.TryBeginWrite())
            throw new ContainerdException(ErrorKind.Unavailable, $"Metadata '{Excerpt.Of(_file)}': other processes kept writing while it was opened.") { Subject = _file };
        T result = body(connection);
        connection.Commit();
        return result;
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
            _writer?.Dispose();
            DisposeReaders();
        }
        finally
        {
            _gate.Release();
        }
    }

    private void Return(MetadataConnection reader)
    {
        if (reader.TryEnd())
            _readers.Add(reader);
        else
            reader.Dispose();
        DisposeReadersIfClosed();
    }

    // What was given back since then nobody else would close.
    private void DisposeReadersIfClosed()
    {
        if (_isDisposed)
            DisposeReaders();
    }

    private void DisposeReaders()
    {
        _still?.Dispose();
        while (_readers.TryTake(out MetadataConnection? reader))
            reader.Dispose();
    }

    private async ValueTask BeginAsync(MetadataConnection writer, CancellationToken cancellationToken)
    {
        if (writer.TryBeginWrite())
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
            if (writer.TryBeginWrite())
                return;
        }
    }

    [LoggerMessage(EventId = 3011, Level = LogLevel.Information, Message = "Waiting for another process to finish writing '{File}'")]
    private partial void LogWaiting(string file);
}
