using SQLitePCL;

namespace Containerd.Snapshots;

/// <summary>One connection to the database, with its statements prepared once. For one thread at a time.</summary>
/// <remarks>
/// SQLite's own interface, as Microsoft.Data.Sqlite brings it along, rather than ADO.NET on top of it: a look-up is a few microseconds, most of
/// which the objects of ADO.NET would take.
/// </remarks>
internal sealed class MetadataConnection : IDisposable
{
    private readonly sqlite3 _database;
    private readonly Dictionary<string, sqlite3_stmt> _statements = new(StatementComparer.Instance);

    static MetadataConnection() => Batteries_V2.Init();

    private MetadataConnection(string file, sqlite3 database)
    {
        File = file;
        _database = database;
    }

    public string File { get; }

    /// <summary>Whether SQLite has failed on it, so that its state is not known for certain.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Opens the database.</summary>
    /// <param name="file">Its path; made where it is missing.</param>
    /// <param name="busyMilliseconds">
    /// How long SQLite itself waits for another connection. A writer begins with zero: it waits outside, asynchronously.
    /// </param>
    /// <param name="durability">When a transaction counts as done.</param>
    public static MetadataConnection Open(string file, int busyMilliseconds, Durability durability)
    {
        MetadataConnection opened = Open(file, file, raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE, busyMilliseconds);
        try
        {
            // Of a new database; a row is some two hundred bytes, and whoever looks one up among a hundred thousand goes through a level less than with SQLite's own 4096.
            opened.Execute("PRAGMA page_size = 8192");
            opened.Execute("PRAGMA foreign_keys = ON");
            // Merging the log costs the more the less often pages in it are the same; SQLite's own 1000 pages are a hundred commits.
            opened.Execute("PRAGMA wal_autocheckpoint = 4000");
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

    /// <summary>Opens a database to read, beside processes that write to it.</summary>
    public static MetadataConnection OpenReadOnly(string file, int busyMilliseconds) => Open(file, file, raw.SQLITE_OPEN_READONLY, busyMilliseconds);

    /// <summary>Opens a database that cannot change, on a medium where no lock or index of the log can be made. It has to have no log.</summary>
    public static MetadataConnection OpenImmutable(string file) =>
        Open(file, $"file:{Uri.EscapeDataString(file)}?immutable=1", raw.SQLITE_OPEN_READONLY | raw.SQLITE_OPEN_URI, 0);

    /// <summary>Tries to begin a transaction that may write.</summary>
    /// <returns>False where another connection, of any process, is writing.</returns>
    public bool TryBeginWrite()
    {
        int result = Step(Prepared("BEGIN IMMEDIATE"));
        return (result & 0xFF) switch
        {
            raw.SQLITE_DONE => true,
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED => false,
            _ => throw Failure(result),
        };
    }

    /// <summary>Begins a transaction that sees one state of the database throughout.</summary>
    public void BeginRead() => Execute("BEGIN");

    public void Commit() => Execute("COMMIT");

    public void Rollback()
    {
        // SQLite has rolled back by itself after some errors (a full disk); then there is nothing left to do.
        if (raw.sqlite3_get_autocommit(_database) == 0)
            Execute("ROLLBACK");
    }

    /// <summary>Ends a transaction that read, if there is one; false where the connection is of no use any more.</summary>
    public bool TryEnd() =>
        !IsBroken && (raw.sqlite3_get_autocommit(_database) != 0 || Step(Prepared("ROLLBACK")) == raw.SQLITE_DONE);

    /// <summary>Runs a statement.</summary>
    /// <param name="sql">The statement, a constant: it is prepared once and kept. Parameters are <c>?1</c>, <c>?2</c> …</param>
    /// <param name="values">Their values: null, <see cref="long"/> or <see cref="string"/>.</param>
    /// <returns>The number of rows it changed.</returns>
    public int Execute(string sql, params ReadOnlySpan<MetadataValue> values)
    {
        using MetadataRows rows = Query(sql, values);
        while (rows.Read())
        {
        }
        return raw.sqlite3_changes(_database);
    }

    /// <summary>Runs several statements without parameters, once.</summary>
    public void ExecuteScript(string sql)
    {
        int result = raw.sqlite3_exec(_database, sql);
        if (result != raw.SQLITE_OK)
            throw Failure(result);
    }

    /// <summary>Runs a query; the caller disposes the rows before it uses the same statement again.</summary>
    public MetadataRows Query(string sql, params ReadOnlySpan<MetadataValue> values)
    {
        sqlite3_stmt statement = Prepared(sql);
        for (int i = 0; i < values.Length; i++)
        {
            int result = values[i].Bind(statement, i + 1);
            if (result != raw.SQLITE_OK)
                throw Failure(result);
        }
        return new MetadataRows(this, statement);
    }

    /// <summary>The first column of the first row; null where there is none.</summary>
    public long? QueryInteger(string sql, params ReadOnlySpan<MetadataValue> values)
    {
        using MetadataRows rows = Query(sql, values);
        return rows.Read() ? rows.IntegerOrNull(0) : null;
    }

    public string? QueryText(string sql, params ReadOnlySpan<MetadataValue> values)
    {
        using MetadataRows rows = Query(sql, values);
        return rows.Read() ? rows.TextOrNull(0) : null;
    }

    /// <summary>The first column of all rows.</summary>
    public List<string> QueryTexts(string sql)
    {
        using MetadataRows rows = Query(sql);
        var texts = new List<string>();
        while (rows.Read())
            texts.Add(rows.Text(0));
        return texts;
    }

    public void Dispose()
    {
        foreach (sqlite3_stmt statement in _statements.Values)
            statement.Dispose();
        _statements.Clear();
        _database.Dispose();
    }

    public static int Step(sqlite3_stmt statement)
    {
        int result = raw.sqlite3_step(statement);
        if (result != raw.SQLITE_ROW)
            _ = raw.sqlite3_reset(statement);
        return result;
    }

    public ContainerdException Failure(int result)
    {
        IsBroken = true;
        return MetadataFailure.Of(File, raw.sqlite3_extended_errcode(_database) is var extended and not 0 ? extended : result, raw.sqlite3_errmsg(_database).utf8_to_string());
    }

    private static MetadataConnection Open(string file, string name, int flags, int busyMilliseconds)
    {
        int result = raw.sqlite3_open_v2(name, out sqlite3 database, flags | raw.SQLITE_OPEN_NOMUTEX, null);
        var opened = new MetadataConnection(file, database);
        try
        {
            if (result == raw.SQLITE_OK)
                result = raw.sqlite3_busy_timeout(database, busyMilliseconds);
            if (result != raw.SQLITE_OK)
                throw opened.Failure(result);
            // The pages of a database of a hundred thousand snapshots, beyond the 2 MB that are the default.
            opened.Execute("PRAGMA cache_size = -65536");
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    private sqlite3_stmt Prepared(string sql)
    {
        if (_statements.TryGetValue(sql, out sqlite3_stmt? statement))
            return statement;
        int result = raw.sqlite3_prepare_v3(_database, sql, raw.SQLITE_PREPARE_PERSISTENT, out statement);
        if (result != raw.SQLITE_OK)
            throw Failure(result);
        _statements.Add(sql, statement);
        return statement;
    }

    // Statements are constants, nearly always the very same object; hashing their text each time would cost as much as running them.
    private sealed class StatementComparer : IEqualityComparer<string>
    {
        public static readonly StatementComparer Instance = new();

        public bool Equals(string? x, string? y) => string.Equals(x, y, StringComparison.Ordinal);

        public int GetHashCode(string obj) => HashCode.Combine(obj.Length, obj[^1], obj[obj.Length / 2], obj[obj.Length / 3]);
    }
}
