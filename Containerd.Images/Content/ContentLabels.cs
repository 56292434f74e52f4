using Microsoft.Data.Sqlite;

namespace Containerd.Images;

/// <summary>What the database knows about blobs: size and time of the commit, and labels.</summary>
internal static class ContentLabels
{
    public static Task<ContentInfo?> FindAsync(ImageRoot root, Digest digest, CancellationToken cancellationToken) =>
        root.Database.ReadAsync(session => Find(session, digest), cancellationToken);

    /// <summary>Records a commit. Labels of content that was there before are merged into its own; those of content that had vanished are not.</summary>
    public static Task<ContentInfo> CommitAsync(
        ImageRoot root, Digest digest, long size, bool wasPresent, IReadOnlyDictionary<string, string>? labels, CancellationToken cancellationToken) =>
        root.Database.WriteAsync(
            session =>
            {
                DateTimeOffset now = root.Now;
                ContentInfo? known = wasPresent ? Find(session, digest) : null;
                IReadOnlyDictionary<string, string> merged = Merge(known?.Labels, labels);
                var content = known is not null && labels is null or { Count: 0 }
                    ? known!
                    : new ContentInfo { Digest = digest, Size = size, Labels = merged, CreatedAt = known?.CreatedAt ?? now, UpdatedAt = now };
                Put(session, content);
                return content;
            },
            cancellationToken);

    public static Task<ContentInfo> UpdateAsync(ImageRoot root, ContentInfo present, LabelUpdate update, CancellationToken cancellationToken) =>
        root.Database.WriteAsync(
            session =>
            {
                ContentInfo known = Find(session, present.Digest) ?? present;
                ContentInfo content = known with { Labels = update.ApplyTo(known.Labels), UpdatedAt = root.Now };
                Put(session, content);
                return content;
            },
            cancellationToken);

    public static Task DeleteAsync(ImageRoot root, Digest digest, CancellationToken cancellationToken) =>
        root.Database.WriteAsync(
            session => session.Execute("DELETE FROM content WHERE digest = $1", digest.ToString()),
            cancellationToken);

    private static ContentInfo? Find(Database.Session session, Digest digest)
    {
        using SqliteDataReader row = session.Query("SELECT size, labels, created, updated FROM content WHERE digest = $1", digest.ToString());
        return row.Read()
            ? new ContentInfo
            {
                Digest = digest,
                Size = row.GetInt64(0),
                Labels = Database.LabelsOf(row.GetString(1)),
                CreatedAt = Database.TimeOf(row.GetInt64(2)),
                UpdatedAt = Database.TimeOf(row.GetInt64(3)),
            }
            : null;
    }

    private static void Put(Database.Session session, ContentInfo content) =>
        session.Execute(
            "INSERT OR REPLACE INTO content (digest, size, labels, created, updated) VALUES ($1, $2, $3, $4, $5)",
            content.Digest.ToString(),
            content.Size,
            Database.TextOf(content.Labels),
            content.CreatedAt.UtcTicks,
            content.UpdatedAt.UtcTicks);

    private static Dictionary<string, string> Merge(IReadOnlyDictionary<string, string>? known, IReadOnlyDictionary<string, string>? added)
    {
        var merged = known is null ? new Dictionary<string, string>(StringComparer.Ordinal) : new(known, StringComparer.Ordinal);
        foreach ((string key, string value) in added ?? new Dictionary<string, string>())
            merged[key] = value;
        return merged;
    }
}
