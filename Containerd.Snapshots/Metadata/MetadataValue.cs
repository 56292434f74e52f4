using SQLitePCL;

namespace Containerd.Snapshots;

/// <summary>The value of a parameter: text, an integer, or nothing.</summary>
internal readonly struct MetadataValue
{
    private readonly string? _text;
    private readonly long? _integer;

    private MetadataValue(string? text, long? integer)
    {
        _text = text;
        _integer = integer;
    }

    public static implicit operator MetadataValue(string? text) => new(text, null);

    public static implicit operator MetadataValue(long? integer) => new(null, integer);

    public static implicit operator MetadataValue(long integer) => new(null, integer);

    public static implicit operator MetadataValue(bool flag) => new(null, flag ? 1L : 0L);

    public int Bind(sqlite3_stmt statement, int index) =>
        _text is not null ? raw.sqlite3_bind_text(statement, index, _text)
        : _integer is { } integer ? raw.sqlite3_bind_int64(statement, index, integer)
        : raw.sqlite3_bind_null(statement, index);
}
