using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Containerd.Snapshots;

/// <summary>What SQLite's errors mean to the user of a store.</summary>
internal static class MetadataFailure
{
    public static ContainerdException Of(string file, SqliteException cause) => Of(file, cause.SqliteErrorCode, cause.SqliteExtendedErrorCode, cause.Message, cause);

    public static ContainerdException Of(string file, int code, string message) => Of(file, code, code, message, null);

    private static ContainerdException Of(string file, int code, int extendedCode, string message, Exception? cause)
    {
        (ErrorKind kind, string meaning) = code switch
        {
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED => (ErrorKind.Unavailable, "another process holds it"),
            raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB or raw.SQLITE_FORMAT =>
                (ErrorKind.DataCorrupted, "it is damaged; restore it, or remove the whole root, and prepare its snapshots again"),
            raw.SQLITE_FULL => (ErrorKind.ResourceExhausted, "the disk is full"),
            raw.SQLITE_NOMEM => (ErrorKind.ResourceExhausted, "out of memory"),
            raw.SQLITE_READONLY or raw.SQLITE_PERM or raw.SQLITE_AUTH or raw.SQLITE_CANTOPEN => (ErrorKind.PermissionDenied, "it cannot be opened for writing"),
            _ => (ErrorKind.Unknown, "SQLite failed"),
        };
        return new ContainerdException(kind, $"Metadata '{Excerpt.Of(file)}': {meaning} (SQLite error {extendedCode}: {Excerpt.Of(message)}).", cause) { Subject = file };
    }
}
