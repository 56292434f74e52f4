using System.Text;
using SQLitePCL;

namespace Containerd.Snapshots;

/// <summary>The value of a parameter: text, an integer, or nothing.</summary>
internal readonly struct MetadataValue
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

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

    // A lone surrogate has no UTF-8 form; what SQLite's binding puts in its place makes another name of it. Nothing is equal to NULL.
    public int Bind(sqlite3_stmt statement, int index) =>
        _text is not null && HasUtf8(_text) ? raw.sqlite3_bind_text(statement, index, _text)
        : _integer is { } integer ? raw.sqlite3_bind_int64(statement, index, integer)
        : raw.sqlite3_bind_null(statement, index);

    private static bool HasUtf8(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\ud800', '\udfff'))
            return true;
        try
        {
            Strict.GetByteCount(text);
            return true;
        }
        catch (EncoderFallbackException)
        {
            return false;
        }
    }
}
