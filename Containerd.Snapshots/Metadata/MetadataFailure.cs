using SQLitePCL;

namespace Containerd.Snapshots;

/// <summary>What SQLite's errors mean to the user of a store.</summary>
internal static class MetadataFailure
{
    public static ContainerdException Of(string file, int code, string message)
    {
        (ErrorKind kind, string meaning) = (code & 0xFF) switch
        {
            _ when code == raw.SQLITE_IOERR_SHMSIZE => (ErrorKind.ResourceExhausted, "the disk is full"),
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED => (ErrorKind.Unavailable, "another process holds it"),
            raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB or raw.SQLITE_FORMAT =>
                (ErrorKind.DataCorrupted, "it is damaged; restore it, or have StoreRecovery save what can be read of it"),
            raw.SQLITE_FULL => (ErrorKind.ResourceExhausted, "the disk is full"),
            raw.SQLITE_NOMEM => (ErrorKind.ResourceExhausted, "out of memory"),
            raw.SQLITE_READONLY or raw.SQLITE_PERM or raw.SQLITE_AUTH or raw.SQLITE_CANTOPEN => (ErrorKind.PermissionDenied, "it cannot be opened or written"),
            _ => (ErrorKind.Unknown, "SQLite failed"),
        };
        return new ContainerdException(kind, $"Metadata '{Excerpt.Of(file)}': {meaning} (SQLite error {code}: {Excerpt.Of(message)}).") { Subject = file };
    }
}
