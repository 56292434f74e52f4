using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Containerd.Snapshots;

/// <summary>One connection to the database, with its statements prepared once. For one thread at a time.</summary>
internal sealed class MetadataConnection : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly Dictionary<string, SqliteCommand> _commands = [];

    private MetadataConnection(string file, SqliteConnection connection)
    {
        File = file;
        _connection = connection;
    }

    public string File { get; }

    /// <summary>Opens the database.</summary>
    /// <param name="file">Its path; made where it is missing.</param>
    /// <param name="busyMilliseconds">
    /// How long SQLite itself waits for another connection. A writer begins with zero: it waits outside, asynchronously.
    /// </param>
    /// <param name="durability">When a transaction counts as done.</param>
    public static MetadataConnection Open(string file, int busyMilliseconds, Durability durability)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = file,
            Mode = SqliteOpenMode.ReadWriteCreate,
            // Connections live as long as the store. The pool of the provider would keep the file open beyond that.
            Pooling = false,
            // The provider's own wait sleeps 150 ms at a time; SQLite's is used instead, and this one is over when it comes to it.
            DefaultTimeout = 1,
            ForeignKeys = true,
        }.ToString());
        var opened = new MetadataConnection(file, connection);
        try
        {
            connection.Open();
            _ = raw.sqlite3_busy_timeout(connection.Handle, busyMilliseconds);
            // WAL with NORMAL loses no consistency at power loss, only the last transactions; FULL flushes the log at each.
            opened.Execute(durability == Durability.Full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Tries to begin a transaction that may write.</summary>
    /// <returns>False where another connection, of any process, is writing.</returns>
    public bool TryBeginWrite()
    {
        int result = raw.sqlite3_exec(_connection.Handle, "BEGIN IMMEDIATE");
        return (result & 0xFF) switch
        {
            raw.SQLITE_OK => true,
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED => false,
            _ => throw Failure(result),
        };
    }

    /// <summary>Begins a transaction that sees one state of the database throughout.</summary>
    public void BeginRead() => Control("BEGIN");

    public void Commit() => Control("COMMIT");

    public void Rollback()
    {
        // SQLite has rolled back by itself after some errors (a full disk); then there is nothing left to do.
        if (raw.sqlite3_get_autocommit(_connection.Handle) == 0)
            Control("ROLLBACK");
    }

    /// <summary>Runs a statement.</summary>
    /// <returns>The number of rows it changed.</returns>
    public int Execute(string sql, params ReadOnlySpan<object?> values) => Prepare(sql, values).ExecuteNonQuery();

    /// <summary>Runs a query; the caller disposes the reader.</summary>
    public SqliteDataReader Query(string sql, params ReadOnlySpan<object?> values) => Prepare(sql, values).ExecuteReader();

    /// <summary>The first column of the first row; null where there is none.</summary>
    public long? QueryInteger(string sql, params ReadOnlySpan<object?> values) => Prepare(sql, values).ExecuteScalar() as long?;

    public string? QueryText(string sql, params ReadOnlySpan<object?> values) => Prepare(sql, values).ExecuteScalar() as string;

    public void Dispose()
    {
        foreach (SqliteCommand command in _commands.Values)
            command.Dispose();
        _connection.Dispose();
    }

    // Parameters are named $0, $1 … in the statement.
    private SqliteCommand Prepare(string sql, ReadOnlySpan<object?> values)
    {
        if (!_commands.TryGetValue(sql, out SqliteCommand? command))
        {
            command = _connection.CreateCommand();
#pragma warning disable CA2100 // every statement is a constant of this package; values go in as parameters
            command.CommandText = sql;
#pragma warning restore CA2100
            for (int i = 0; i < values.Length; i++)
                command.Parameters.AddWithValue($"${i}", null);
            _commands.Add(sql, command);
        }
        for (int i = 0; i < values.Length; i++)
            command.Parameters[i].Value = values[i] ?? DBNull.Value;
        return command;
    }

    private void Control(string sql)
    {
        int result = raw.sqlite3_exec(_connection.Handle, sql);
        if (result != raw.SQLITE_OK)
            throw Failure(result);
    }

    private ContainerdException Failure(int result) => MetadataFailure.Of(File, result & 0xFF, raw.sqlite3_errmsg(_connection.Handle).utf8_to_string());
}
