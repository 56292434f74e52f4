using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Reads a database that nobody is writing to, without making the files of SQLite's locks beside it.</summary>
/// <remarks>
/// SQLite opens a database that is in WAL mode only with its log and the index of that, and makes both, unless it is told that the database never changes. That is not
/// certain here, so it is checked: a database in WAL mode changes only out of a log. If none was there before and after it was read, and the file is as
/// it was, then nobody has written to it meanwhile; otherwise what was read is not used.
/// </remarks>
internal sealed class StillDatabase(string file) : IDisposable
{
    private readonly ConcurrentBag<(EntryStatus State, MetadataConnection Connection)> _readers = [];

    /// <summary>Whether there are changes that are not in the database itself.</summary>
    public bool HasLog => new FileInfo(file + "-wal") is { Exists: true, Length: > 0 };

    /// <summary>
    /// Whether there is a log without its index, which SQLite would make to read it. Whoever closes the database last removes the index first, so this may be over in a moment.
    /// </summary>
    public bool IsIndexMissing => HasLog && !File.Exists(file + "-shm");

    /// <summary>Reads; false where somebody writes.</summary>
    public bool TryRead<T>(Func<MetadataConnection, T> body, [MaybeNullWhen(false)] out T result)
    {
        while (!HasLog)
        {
            EntryStatus state = Status();
            MetadataConnection reader = Take(state);
            bool isKept = false;
            try
            {
                result = body(reader);
                if (IsStill(state))
                {
                    isKept = reader.TryEnd();
                    return true;
                }
            }
            catch (ContainerdException) when (!IsStill(state))
            {
                // Of pages of which some were older than others.
            }
            finally
            {
                if (isKept)
                    _readers.Add((state, reader));
                else
                    reader.Dispose();
            }
        }
        result = default;
        return false;
    }

    public void Dispose()
    {
        while (_readers.TryTake(out (EntryStatus State, MetadataConnection Connection) reader))
            reader.Connection.Dispose();
    }

    // What a connection remembers of another state is of no use.
    private MetadataConnection Take(EntryStatus state)
    {
        while (_readers.TryTake(out (EntryStatus State, MetadataConnection Connection) reader))
        {
            if (reader.State == state)
                return reader.Connection;
            reader.Connection.Dispose();
        }
        return MetadataConnection.OpenImmutable(file);
    }

    private bool IsStill(EntryStatus state) => !HasLog && Status() == state;

    private EntryStatus Status()
    {
        int errno = Sys.Status(null, file, out EntryStatus status);
        return errno == 0 ? status : throw Failure("Reading the status of", file, errno);
    }
}
