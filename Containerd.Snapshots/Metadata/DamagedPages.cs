using System.Buffers.Binary;

namespace Containerd.Snapshots;

/// <summary>A copy of a damaged database, of which single pages can be read as if each were a whole table. Source: SQLite, Database File Format.</summary>
internal sealed class DamagedPages : IDisposable
{
    private const byte InteriorIndex = 2, LeafIndex = 10;
    private const int HeaderLength = 100;

    private readonly string _copy;

    private DamagedPages(string copy) => _copy = copy;

    /// <summary>Copies a database with what its log has; null where not even its first page can be read, which says where its tables are.</summary>
    public static DamagedPages? TryCopy(string damaged, string copy)
    {
        var pages = new DamagedPages(copy);
        pages.Dispose(); // of a call that was killed
        try
        {
            foreach (string suffix in (string[])["", "-wal"])
            {
                if (File.Exists(damaged + suffix))
                    File.Copy(damaged + suffix, copy + suffix);
            }
            using MetadataConnection merged = MetadataConnection.Open(copy, 0, Durability.Relaxed);
            merged.QueryInteger("PRAGMA wal_checkpoint(TRUNCATE)");
            // SQLite lets no table begin where one of its indexes does.
            merged.Execute("PRAGMA writable_schema = ON");
            merged.Execute("DELETE FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL");
            return pages;
        }
        catch (ContainerdException e) when (e.Kind is ErrorKind.DataCorrupted or ErrorKind.Unknown)
        {
            pages.Dispose();
            return null;
        }
        catch
        {
            pages.Dispose();
            throw;
        }
    }

    /// <summary>The pages in use that belong to an index, or to a table that is kept like one.</summary>
    public List<int> Indexes()
    {
        using FileStream file = File.OpenRead(_copy);
        byte[] header = Read(file, 0, HeaderLength);
        int size = BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(16)) is var written && written == 1 ? 65536 : written;
        if (size < 512)
            return [];
        int count = (int)Math.Min(file.Length / size, int.MaxValue);
        // What was deleted lies on pages that are free: a list of pages that list pages.
        var free = new HashSet<int>();
        for (int trunk = (int)BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(32)); trunk > 0 && trunk <= count && free.Add(trunk);)
        {
            byte[] page = Read(file, (long)(trunk - 1) * size, size);
            int listed = (int)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(page.AsSpan(4)), (uint)(size / 4 - 2));
            for (int i = 0; i < listed; i++)
                free.Add((int)BinaryPrimitives.ReadUInt32BigEndian(page.AsSpan(8 + i * 4)));
            trunk = (int)BinaryPrimitives.ReadUInt32BigEndian(page);
        }
        var indexes = new List<int>();
        for (int page = 2; page <= count; page++)
        {
            if (!free.Contains(page) && Read(file, (long)(page - 1) * size, 1)[0] is InteriorIndex or LeafIndex)
                indexes.Add(page);
        }
        return indexes;
    }

    /// <summary>Opens the copy with a page in the place of a table's first. What it gives that has not the columns of the table is for the caller to refuse.</summary>
    public MetadataConnection OpenWithRoot(string table, int page)
    {
        MetadataConnection connection = MetadataConnection.Open(_copy, 0, Durability.Relaxed);
        try
        {
            connection.Execute("PRAGMA writable_schema = ON");
            connection.Execute("UPDATE sqlite_schema SET rootpage = ?2 WHERE type = 'table' AND name = ?1", table, page);
            connection.Execute("PRAGMA writable_schema = RESET");
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (string suffix in (string[])["", "-wal", "-shm", "-journal"])
            File.Delete(_copy + suffix);
    }

    private static byte[] Read(FileStream file, long position, int length)
    {
        byte[] bytes = new byte[length];
        file.Position = position;
        file.ReadAtLeast(bytes, length, throwOnEndOfStream: false);
        return bytes;
    }
}
