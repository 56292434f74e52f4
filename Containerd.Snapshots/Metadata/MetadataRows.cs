using SQLitePCL;

namespace Containerd.Snapshots;

/// <summary>The rows of a query, one at a time.</summary>
internal readonly ref struct MetadataRows(MetadataConnection connection, sqlite3_stmt statement)
{
    /// <summary>Goes to the next row; false behind the last.</summary>
    public bool Read() => MetadataConnection.Step(statement) switch
    {
        raw.SQLITE_ROW => true,
        raw.SQLITE_DONE => false,
        int failed => throw connection.Failure(failed),
    };

    public long Integer(int column) => raw.sqlite3_column_int64(statement, column);

    public long? IntegerOrNull(int column) => IsNull(column) ? null : Integer(column);

    public bool Flag(int column) => Integer(column) != 0;

    public string Text(int column) => raw.sqlite3_column_text(statement, column).utf8_to_string() ?? "";

    /// <summary>The first columns as they are.</summary>
    public MetadataValue[] Values(int count)
    {
        var values = new MetadataValue[count];
        for (int i = 0; i < count; i++)
            values[i] = raw.sqlite3_column_type(statement, i) == raw.SQLITE_INTEGER ? Integer(i) : TextOrNull(i);
        return values;
    }

    public string? TextOrNull(int column) => IsNull(column) ? null : Text(column);

    public void Dispose() => _ = raw.sqlite3_reset(statement);

    private bool IsNull(int column) => raw.sqlite3_column_type(statement, column) == raw.SQLITE_NULL;
}
