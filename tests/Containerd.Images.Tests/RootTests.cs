using System.Text;
using System.Text.Json;

namespace Containerd.Images.Tests;

/// <summary>What lies on disk, and which roots are refused.</summary>
public sealed class RootTests
{
    private static readonly byte[] Content = Encoding.UTF8.GetBytes("content");
    private static readonly Descriptor Described = new() { MediaType = MediaTypes.OciManifest, Digest = Digest.Sha256(Content), Size = Content.Length };

    private TemporaryDirectory _directory = null!;
    private string _root = null!;

    [SetUp]
    public void SetUp()
    {
        _directory = new TemporaryDirectory();
        _root = _directory["root"];
    }

    [TearDown]
    public void TearDown() => _directory.Dispose();

    [Test]
    public async Task TheRootIsAPrivateImageLayout()
    {
        using var store = new ContentStore(_root);
        await PutAsync(store);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(File.GetUnixFileMode(_root), Is.EqualTo((UnixFileMode)0b111_000_000));
            Assert.That(File.ReadAllText(Path.Join(_root, "oci-layout")), Is.EqualTo("""{"imageLayoutVersion":"1.0.0"}"""));
            Assert.That(File.ReadAllBytes(BlobPath), Is.EqualTo(Content));
            Assert.That(File.GetUnixFileMode(BlobPath), Is.EqualTo((UnixFileMode)0b100_100_100));
            Assert.That(JsonDocument.Parse(File.ReadAllText(Path.Join(_root, "format"))).RootElement.GetProperty("component").GetString(), Is.EqualTo("images"));
        }
    }

    [Test]
    public async Task NamesAreWrittenToTheIndex()
    {
        using var store = new ImageStore(_root);
        await store.CreateAsync(new ImageRecord { Name = "registry.example/app:1", Target = Described });
        await store.CreateAsync(new ImageRecord { Name = "no reference at all", Target = Described });
        var index = ImageIndex.Parse(File.ReadAllBytes(Path.Join(_root, "index.json")), MediaTypes.OciIndex);
        await store.DeleteAsync("registry.example/app:1");
        var afterwards = ImageIndex.Parse(File.ReadAllBytes(Path.Join(_root, "index.json")), MediaTypes.OciIndex);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(index.Manifests, Has.Count.EqualTo(2));
            Assert.That(index.Manifests[0].Annotations, Is.EquivalentTo(new Dictionary<string, string> { ["io.containerd.image.name"] = "no reference at all" }));
            Assert.That(index.Manifests[1].Annotations, Contains.Key("org.opencontainers.image.ref.name").WithValue("registry.example/app:1"));
            Assert.That(afterwards.Manifests, Has.Count.EqualTo(1));
        }
    }

    [Test]
    public async Task AnIndexThatAKilledProcessDidNotWriteIsMadeUpFor()
    {
        using (var store = new ImageStore(_root))
            await store.CreateAsync(new ImageRecord { Name = "registry.example/app:1", Target = Described });
        File.WriteAllText(Path.Join(_root, "index.json"), "{\"schemaVersion\":2,\"manif");
        using (var store = new ImageStore(_root))
            await store.FindAsync("x");
        Assert.That(ImageIndex.Parse(File.ReadAllBytes(Path.Join(_root, "index.json")), MediaTypes.OciIndex).Manifests, Has.Count.EqualTo(1));
    }

    [TestCase("""{"component":"images","format":2,"writer":"9.9.9"}""", ErrorKind.NotSupported, "format 2", "9.9.9", "reads format 1")]
    [TestCase("""{"component":"snapshots.overlay","format":1,"writer":"0.1.0"}""", ErrorKind.FailedPrecondition, "snapshots.overlay", "images")]
    [TestCase("""{"component":"images"}""", ErrorKind.DataCorrupted, "damaged")]
    public void AnotherFormatIsRefusedAndNotTouched(string format, ErrorKind kind, params string[] said)
    {
        Directory.CreateDirectory(_root, (UnixFileMode)0b111_000_000);
        File.WriteAllText(Path.Join(_root, "format"), format);
        using var store = new ContentStore(_root);
        var e = Assert.ThrowsAsync<ContainerdException>(() => store.FindAsync(Described.Digest));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(e.Kind, Is.EqualTo(kind));
            Assert.That(said, Has.All.Matches<string>(e.Message.Contains));
            Assert.That(Directory.GetFileSystemEntries(_root), Has.Length.EqualTo(1));
        }
    }

    [Test]
    public void ADirectoryOfSomethingElseIsRefusedAndNotTouched()
    {
        Directory.CreateDirectory(_root, (UnixFileMode)0b111_000_000);
        File.WriteAllText(Path.Join(_root, "thesis.tex"), "");
        using var store = new ContentStore(_root);
        Assert.That(() => store.FindAsync(Described.Digest), FailsWith(ErrorKind.FailedPrecondition));
        Assert.That(Directory.GetFileSystemEntries(_root), Has.Length.EqualTo(1));
    }

    [Test]
    public void ARootThatOthersCanWriteIsRefused()
    {
        Directory.CreateDirectory(_root);
        File.SetUnixFileMode(_root, (UnixFileMode)0b111_111_111);
        using var store = new ContentStore(_root);
        Assert.That(() => store.FindAsync(Described.Digest), FailsWith(ErrorKind.PermissionDenied));
        Assert.That(Directory.GetFileSystemEntries(_root), Is.Empty);
    }

    [Test, Conformance.RequiresRoot]
    public void ARootOfAnotherUserIsRefused()
    {
        Directory.CreateDirectory(_root, (UnixFileMode)0b111_000_000);
        Tool.Run("chown", "65534", _root);
        using var store = new ContentStore(_root);
        Assert.That(() => store.FindAsync(Described.Digest), FailsWith(ErrorKind.PermissionDenied));
    }

    [Test]
    public async Task ADamagedDatabaseIsSaidToBeOne()
    {
        using (var store = new ImageStore(_root))
            await store.FindAsync("x");
        string database = Path.Join(_root, "images.db");
        File.Delete(database + "-wal");
        File.Delete(database + "-shm");
        File.WriteAllText(database, string.Concat(Enumerable.Repeat("this is no database ", 1000)));
        using var damaged = new ImageStore(_root);
        var e = Assert.ThrowsAsync<ContainerdException>(() => damaged.FindAsync("x"));
        Assert.That((e.Kind, e.Subject), Is.EqualTo((ErrorKind.DataCorrupted, database)));
        Assert.That(e.Message, Does.Contain(database));
    }

    [Test]
    public async Task ADatabaseOfALaterSchemaIsRefused()
    {
        using (var store = new ImageStore(_root))
            await store.FindAsync("x");
        string database = Path.Join(_root, "images.db");
        using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={database};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 99";
            command.ExecuteNonQuery();
        }
        using var later = new ImageStore(_root);
        var e = Assert.ThrowsAsync<ContainerdException>(() => later.FindAsync("x"));
        Assert.That((e.Kind, e.Subject), Is.EqualTo((ErrorKind.NotSupported, database)));
        Assert.That(e.Message, Does.Contain("99"));
    }

    [Test]
    public async Task AListThatCannotBeReadFailsAsTheSuiteDoes()
    {
        using var store = new ContentStore(_root);
        await store.FindAsync(Described.Digest);
        Directory.Delete(Path.Join(_root, "blobs"), recursive: true);
        Directory.Delete(Path.Join(_root, "ingest"), recursive: true);
        Assert.That(async () => await store.ListAsync().CountAsync(), FailsWith(ErrorKind.NotFound));
        Assert.That(async () => await store.ListIngestsAsync().CountAsync(), FailsWith(ErrorKind.NotFound));
    }

    [Test]
    public async Task DisposalWaitsForACallAndFailsTheOnesBehindIt()
    {
        var database = new Database(_directory["test.db"], Durability.Relaxed);
        await database.OpenAsync(CancellationToken.None);
        using var running = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        Task<long> call = database.ReadAsync(
            session =>
            {
                running.Set();
                goOn.Wait(TimeSpan.FromSeconds(30));
                return session.Number("SELECT count(*) FROM images");
            },
            CancellationToken.None);
        Assert.That(running.Wait(TimeSpan.FromSeconds(30)));
        Task<long> behind = database.ReadAsync(session => session.Number("SELECT 1"), CancellationToken.None);
        Task disposal = Task.Run(database.Dispose);
        Assert.That(disposal.Wait(TimeSpan.FromMilliseconds(100)), Is.False, "the connection is in use");
        goOn.Set();
        await disposal.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.That(await call, Is.Zero);
        try
        {
            // It may have its turn before the disposal or behind it; what it must not do is fail for a connection that was closed under it, or wait for ever.
            Assert.That(await behind.WaitAsync(TimeSpan.FromSeconds(30)), Is.EqualTo(1));
        }
        catch (ObjectDisposedException e)
        {
            Assert.That(e.ObjectName, Is.EqualTo(typeof(Database).FullName));
        }
        Assert.That(() => database.OpenAsync(CancellationToken.None), Throws.InstanceOf<ObjectDisposedException>());
        database.Dispose();
    }

    [Test]
    public async Task ContentWhoseFileIsGoneOrCutCountsAsAbsent()
    {
        using var store = new ContentStore(_root);
        await PutAsync(store, new Dictionary<string, string> { ["stale"] = "yes" });
        File.SetUnixFileMode(BlobPath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(BlobPath, "");
        Assert.That(await store.FindAsync(Described.Digest), Is.Null);
        ContentInfo again = await PutAsync(store);
        Assert.That(again.Labels, Is.Empty);
        File.Delete(BlobPath);
        Assert.That(await store.FindAsync(Described.Digest), Is.Null);
        await PutAsync(store);
        Assert.That(await store.ReadAsync(Described, 100), Is.EqualTo(Content));
    }

    [Test]
    public async Task ADamagedIngestRecordMeansToStartAnew()
    {
        using var store = new ContentStore(_root);
        await using (IContentWriter writer = await store.OpenWriterAsync("x", Described))
            await writer.WriteAsync(Content.AsMemory(0, 3));
        string ingest = Directory.GetDirectories(Path.Join(_root, "ingest")).Single();
        File.WriteAllText(Path.Join(ingest, "ingest.json"), "");
        await using IContentWriter next = await store.OpenWriterAsync("x", Described);
        Assert.That(next.Offset, Is.Zero);
    }

    [Test]
    public async Task AnIngestThatWasCutOffWhileItWasCommittedCanBeWrittenAgain()
    {
        using var store = new ContentStore(_root);
        await using (IContentWriter writer = await store.OpenWriterAsync("put", Described))
            await writer.WriteAsync(Content);
        string data = Path.Join(Directory.GetDirectories(Path.Join(_root, "ingest")).Single(), "data");
        File.SetUnixFileMode(data, UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        await using IContentWriter next = await store.OpenWriterAsync("put", Described);
        // Root may write any file, so that the mode tells what the owner could.
        Assert.That(File.GetUnixFileMode(data), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.That(next.Offset, Is.EqualTo(Content.Length));
        await next.CommitAsync();
    }

    [Test, Conformance.RequiresRoot]
    public async Task AFullDiskIsSaidAndTheIngestStays()
    {
        string small = _directory["small"];
        Directory.CreateDirectory(small);
        Tool.Run("mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", small);
        try
        {
            using var store = new ContentStore(small);
            await using (IContentWriter writer = await store.OpenWriterAsync("large"))
            {
                var e = Assert.ThrowsAsync<ContainerdException>(async () =>
                {
                    while (true)
                        await writer.WriteAsync(new byte[64 * 1024]);
                });
                Assert.That(e.Kind, Is.EqualTo(ErrorKind.ResourceExhausted));
                Assert.That(writer.Offset, Is.GreaterThan(0).And.LessThan(1 << 20));
            }
            await store.AbortAsync("large");
            await PutAsync(store);
        }
        finally
        {
            Tool.Run("umount", small);
        }
    }

    [Test]
    public async Task TwoStoresOnOneRootSeeEachOther()
    {
        using var one = new ContentStore(_root);
        using var other = new ContentStore(_root);
        await using (IContentWriter writer = await one.OpenWriterAsync("x", Described))
            Assert.That(() => other.OpenWriterAsync("x", Described), FailsWith(ErrorKind.Unavailable));
        await PutAsync(one, new Dictionary<string, string> { ["a"] = "1" });
        Assert.That((await other.GetAsync(Described.Digest)).Labels, Contains.Key("a"));
    }

    private string BlobPath => Path.Join(_root, "blobs", "sha256", Described.Digest.Hex);

    private static NUnit.Framework.Constraints.EqualConstraint<ErrorKind> FailsWith(ErrorKind kind) =>
        Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(kind);

    private static async Task<ContentInfo> PutAsync(ContentStore store, IReadOnlyDictionary<string, string>? labels = null)
    {
        await using IContentWriter writer = await store.OpenWriterAsync("put", Described);
        await writer.WriteAsync(Content);
        return await writer.CommitAsync(labels: labels);
    }
}
