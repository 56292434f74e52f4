using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace Containerd.Images;

/// <summary>The names of images, in the same root as their content.</summary>
/// <remarks>
/// <para>Names are kept in <c>images.db</c> and written from there to <c>index.json</c>, so that other programs find the images: under the annotation
/// <c>io.containerd.image.name</c>, and under <c>org.opencontainers.image.ref.name</c> where the name has the form the specification demands, which every
/// image reference has (<c>skopeo inspect oci:ROOT:docker.io/library/alpine:3.22</c>). <c>index.json</c> follows each change before the call returns, and is
/// made anew from the database whenever the root is opened; what other programs write there is lost.</para>
/// <para>The root is opened, shared and checked as <see cref="ContentStore"/> says, with the same exceptions. Thread-safe. Disposal closes the database.</para>
/// </remarks>
public sealed class ImageStore : IImageStore, IDisposable
{
    private const string Columns = "name, target, labels, created, updated";

    private readonly ImageRoot _root;

    /// <summary>Uses a root directory. Nothing is read or written before the first call.</summary>
    /// <param name="root">The directory; it is made where it does not exist.</param>
    /// <param name="options">Durability, file system and clock; null for the defaults. Copied.</param>
    public ImageStore(string root, ImageRootOptions? options = null) => _root = new ImageRoot(root, options);

    /// <inheritdoc/>
    public async Task<ImageRecord?> FindAsync(string name, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        await _root.EnsureOpenAsync(cancellationToken).ConfigureAwait(false);
        return await _root.Database.ReadAsync(session => Find(session, name), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ImageRecord> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await _root.EnsureOpenAsync(cancellationToken).ConfigureAwait(false);
        foreach (ImageRecord image in await _root.Database.ReadAsync(List, cancellationToken).ConfigureAwait(false))
            yield return image;
    }

    /// <inheritdoc/>
    public async Task<ImageRecord> CreateAsync(ImageRecord image, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        NameRule.Validate(image.Name, "the name of an image");
        Labels.Validate(image.Labels);
        return await ChangeAsync(
            session =>
            {
                if (Find(session, image.Name) is { } taken)
                    throw new ContainerdException(ErrorKind.AlreadyExists, $"The image name '{Excerpt.Of(image.Name)}' is taken: it stands for {taken.Target.Digest}.") { Subject = image.Name };
                DateTimeOffset now = _root.Now;
                return Put(session, image with { CreatedAt = now, UpdatedAt = now });
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task<ImageRecord> UpdateAsync(
        string name,
        Descriptor? target = null,
        LabelUpdate? labels = null,
        Digest? expectedTarget = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        return ChangeAsync(
            session =>
            {
                ImageRecord image = Expect(session, name, expectedTarget);
                return Put(session, image with
                {
                    Target = target ?? image.Target,
                    Labels = labels?.ApplyTo(image.Labels) ?? image.Labels,
                    UpdatedAt = _root.Now,
                });
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public Task DeleteAsync(string name, Digest? expectedTarget = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        return ChangeAsync(
            session =>
            {
                Expect(session, name, expectedTarget);
                return session.Execute("DELETE FROM images WHERE name = $1", name);
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _root.Dispose();

    internal static List<ImageRecord> List(Database.Session session)
    {
        var images = new List<ImageRecord>();
        using SqliteDataReader row = session.Query($"SELECT {Columns} FROM images");
        while (row.Read())
            images.Add(Read(row));
        images.Sort(static (one, other) => string.CompareOrdinal(one.Name, other.Name));
        return images;
    }

    private async Task<T> ChangeAsync<T>(Func<Database.Session, T> change, CancellationToken cancellationToken)
    {
        await _root.EnsureOpenAsync(cancellationToken).ConfigureAwait(false);
        T result = await _root.Database.WriteAsync(change, cancellationToken).ConfigureAwait(false);
        try
        {
            // The change is made: a caller that cancels now still finds the index following it.
            using FileLock held = await FileLock.AcquireAsync(_root.LockPath, _root.Options.TimeProvider, CancellationToken.None).ConfigureAwait(false);
            await LayoutIndex.WriteAsync(_root, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (StorageError.Is(e))
        {
            throw StorageError.From(e, "The name was changed, but writing index.json for other programs", _root.Path);
        }
        return result;
    }

    private static ImageRecord Expect(Database.Session session, string name, Digest? expectedTarget)
    {
        ImageRecord image = Find(session, name)
            ?? throw new ContainerdException(ErrorKind.NotFound, $"No image is named '{Excerpt.Of(name)}'.") { Subject = name };
        if (expectedTarget is { } expected && image.Target.Digest != expected)
        {
            throw new ContainerdException(
                ErrorKind.FailedPrecondition, $"The image name '{Excerpt.Of(name)}' stands for {image.Target.Digest}, not for {expected} as expected: somebody changed it meanwhile.")
            {
                Subject = name,
            };
        }
        return image;
    }

    private static ImageRecord? Find(Database.Session session, string name)
    {
        using SqliteDataReader row = session.Query($"SELECT {Columns} FROM images WHERE name = $1", name);
        return row.Read() ? Read(row) : null;
    }

    private static ImageRecord Read(SqliteDataReader row) => new()
    {
        Name = row.GetString(0),
        Target = JsonSerializer.Deserialize(row.GetString(1), ImageJson.Default.Descriptor) ?? throw new JsonException("null is no descriptor"),
        Labels = Database.LabelsOf(row.GetString(2)),
        CreatedAt = Database.TimeOf(row.GetInt64(3)),
        UpdatedAt = Database.TimeOf(row.GetInt64(4)),
    };

    private static ImageRecord Put(Database.Session session, ImageRecord image)
    {
        session.Execute(
            "INSERT OR REPLACE INTO images (name, digest, target, labels, created, updated) VALUES ($1, $2, $3, $4, $5, $6)",
            image.Name,
            image.Target.Digest.ToString(),
            JsonSerializer.Serialize(image.Target, ImageJson.Default.Descriptor),
            Database.TextOf(image.Labels),
            image.CreatedAt.UtcTicks,
            image.UpdatedAt.UtcTicks);
        return image;
    }
}
