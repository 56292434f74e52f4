using System.Collections.Frozen;
using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace Containerd.Images;

/// <summary>The SQLite database <c>images.db</c>: one connection, used by one call at a time, in transactions that contain no other I/O.</summary>
/// <remarks>Shared between processes by SQLite itself (write-ahead log). SQLite blocks, so that the work is done on a thread of the pool.</remarks>
internal sealed class Database(string path, Durability durability) : IDisposable
{
    private const int SchemaVersion = 1;
    private const int BusySeconds = 30;

    private readonly SemaphoreSlim _turn = new(1);
    private Session? _session;
    private volatile bool _isDisposed;

    public Task OpenAsync(CancellationToken cancellationToken) => RunAsync(static _ => 0, cancellationToken);

    public Task<T> ReadAsync<T>(Func<Session, T> work, CancellationToken cancellationToken) => RunAsync(work, cancellationToken);

    /// <summary>Does work in a transaction that takes the write lock at once, so that it never fails half-way for being late.</summary>
    public Task<T> WriteAsync<T>(Func<Session, T> work, CancellationToken cancellationToken) =>
        RunAsync(
            session =>
            {
                session.Execute("BEGIN IMMEDIATE");
                try
                {
                    T result = work(session);
                    session.Execute("COMMIT");
                    return result;
                }
                catch
                {
                    session.Rollback();
                    throw;
                }
            },
            cancellationToken);

    public void Dispose()
    {
        // Whoever has the turn finishes, and whoever waits for it is let in to hear that it is too late: the semaphore itself has nothing to be freed.
        _turn.Wait();
        try
        {
            _isDisposed = true;
            _session?.Dispose();
            _session = null;
        }
        finally
        {
            _turn.Release();
        }
    }

    public static string TextOf(IReadOnlyDictionary<string, string> labels) =>
        JsonSerializer.Serialize(new Dictionary<string, string>(labels), ImageJson.Default.DictionaryStringString);

    public static IReadOnlyDictionary<string, string> LabelsOf(string text) =>
        JsonSerializer.Deserialize(text, ImageJson.Default.DictionaryStringString)?.ToFrozenDictionary(StringComparer.Ordinal)
        ?? FrozenDictionary<string, string>.Empty;

    public static DateTimeOffset TimeOf(long ticks) => new(ticks, TimeSpan.Zero);

    private async Task<T> RunAsync<T>(Func<Session, T> work, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await Task.Run(
                () =>
                {
                    ObjectDisposedException.ThrowIf(_isDisposed, this);
                    return work(_session ??= Open());
                },
                CancellationToken.None).ConfigureAwait(false);
        }
        catch (SqliteException e)
        {
            throw Translate(e);
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidCastException or ArgumentOutOfRangeException)
        {
            throw new ContainerdException(ErrorKind.DataCorrupted, $"The database '{path}' is damaged: a row holds no valid value ({Excerpt.Of(e.Message)}).", e) { Subject = path };
        }
        finally
        {
            _turn.Release();
        }
    }

    private Session Open()
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadWriteCreate,
            Pooling = false,
            DefaultTimeout = BusySeconds,
        }.ToString());
        var session = new Session(connection);
        try
        {
            connection.Open();
            session.Execute("PRAGMA journal_mode = WAL");
            session.Execute(durability == Durability.Full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
            session.Execute("BEGIN IMMEDIATE");
            long version = session.Number("PRAGMA user_version");
            if (version > SchemaVersion)
            {
                throw new ContainerdException(
                    ErrorKind.NotSupported, $"The database '{path}' has schema version {version}, this library knows up to {SchemaVersion}. Use the version that wrote it.")
                { Subject = path };
            }
            if (version == 0)
            {
                session.Execute("CREATE TABLE content (digest TEXT PRIMARY KEY, size INTEGER NOT NULL, labels TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL) WITHOUT ROWID");
                session.Execute("CREATE TABLE images (name TEXT PRIMARY KEY, digest TEXT NOT NULL, target TEXT NOT NULL, labels TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL) WITHOUT ROWID");
                session.Execute($"PRAGMA user_version = {SchemaVersion}");
            }
            session.Execute("COMMIT");
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private ContainerdException Translate(SqliteException e)
    {
        // sqlite.org/rescode.html
        (ErrorKind kind, string advice) = e.SqliteErrorCode switch
        {
            5 or 6 => (ErrorKind.Unavailable, $"Another process has kept it locked for {BusySeconds} seconds; try again."),
            11 or 26 => (ErrorKind.DataCorrupted, "It is damaged. Content is not affected: move the file away and name the images anew, by pulling or importing them."),
            13 => (ErrorKind.ResourceExhausted, "The disk is full: free some space and try again."),
            3 or 8 or 14 or 23 => (ErrorKind.PermissionDenied, "The process must be able to write it and its directory."),
            _ => (ErrorKind.Unknown, ""),
        };
        return new ContainerdException(kind, $"The database '{path}' failed: {Excerpt.Of(e.Message)} {advice}".TrimEnd(), e) { Subject = path };
    }

    /// <summary>The connection and its prepared commands.</summary>
    public sealed class Session(SqliteConnection connection) : IDisposable
    {
        private readonly Dictionary<string, SqliteCommand> _commands = new(StringComparer.Ordinal);

        public int Execute(string sql, params ReadOnlySpan<object> values) => Prepare(sql, values).ExecuteNonQuery();

        public SqliteDataReader Query(string sql, params ReadOnlySpan<object> values) => Prepare(sql, values).ExecuteReader();

        public long Number(string sql) => (long)Prepare(sql, []).ExecuteScalar()!;

        public void Rollback()
        {
            // SQLite has rolled back by itself after some errors; a second time would only hide the first failure.
            if (SQLitePCL.raw.sqlite3_get_autocommit(connection.Handle) == 0)
                Execute("ROLLBACK");
        }

        public void Dispose()
        {
            foreach (SqliteCommand command in _commands.Values)
                command.Dispose();
            connection.Dispose();
        }

        private SqliteCommand Prepare(string sql, ReadOnlySpan<object> values)
        {
            if (!_commands.TryGetValue(sql, out SqliteCommand? command))
            {
                command = connection.CreateCommand();
#pragma warning disable CA2100 // Every text is a constant of this package; values are parameters.
                command.CommandText = sql;
#pragma warning restore CA2100
                for (int i = 0; i < values.Length; i++)
                    command.Parameters.Add(new SqliteParameter { ParameterName = $"${i + 1}" });
                _commands.Add(sql, command);
            }
            for (int i = 0; i < values.Length; i++)
                command.Parameters[i].Value = values[i];
            return command;
        }
    }
}
