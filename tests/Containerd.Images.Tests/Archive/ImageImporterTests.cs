using System.Formats.Tar;
using System.Text;
using System.Text.Json.Nodes;

namespace Containerd.Images.Tests;

/// <summary>Archives and layouts, good and hostile.</summary>
public sealed class ImageImporterTests
{
    private const string Name = "registry.example/team/app:1";

    private TemporaryDirectory _directory = null!;
    private ContentStore _content = null!;
    private ImageStore _names = null!;
    private ImageImporter _importer = null!;

    [SetUp]
    public void SetUp()
    {
        _directory = new TemporaryDirectory();
        _content = new ContentStore(_directory["root"]);
        _names = new ImageStore(_directory["root"]);
        _importer = new ImageImporter(_content, _names);
    }

    [TearDown]
    public void TearDown()
    {
        _names.Dispose();
        _content.Dispose();
        _directory.Dispose();
    }

    private static NUnit.Framework.Constraints.EqualConstraint<ErrorKind> Fails(ErrorKind kind) =>
        Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(kind);

    private string Layout(TestImage image, string? name = Name)
    {
        image.WriteLayout(_directory["layout"], name);
        return _directory["layout"];
    }

    private static MemoryStream Archive(params (string Name, byte[] Content)[] members)
    {
        var archive = new MemoryStream();
        using (var writer = new TarWriter(archive, leaveOpen: true))
        {
            foreach ((string name, byte[] content) in members)
                writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) });
        }
        archive.Position = 0;
        return archive;
    }

    private static (string, byte[])[] Members(string layout) =>
        [.. Directory.GetFiles(layout, "*", SearchOption.AllDirectories).Select(file => (Path.GetRelativePath(layout, file), File.ReadAllBytes(file)))];

    [TestCase(false)]
    [TestCase(true)]
    public async Task ALayoutIsImportedFromADirectoryOrAnArchive(bool archived)
    {
        TestImage made = TestImage.CreateIndex("amd64", "arm64");
        string layout = Layout(made);
        IReadOnlyList<ImageRecord> images = archived ? await _importer.ImportAsync(Archive(Members(layout))) : await _importer.ImportAsync(layout);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(images.Select(image => (image.Name, image.Target)), Is.EqualTo(new[] { (Name, made.Target) }));
            Assert.That(await _content.ListAsync().CountAsync(), Is.EqualTo(made.Blobs.Count));
        }
        Assert.That(await _importer.ImportAsync(layout), Has.Count.EqualTo(1), "a second time changes nothing");
    }

    [Test]
    public async Task AnArchiveOfDockerSaveIsImported()
    {
        TestImage made = TestImage.Create(layers: 0);
        byte[] layer = "pretend this is a tar archive"u8.ToArray();
        byte[] config = Encoding.UTF8.GetBytes($$$"""{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["{{{Digest.Sha256(layer)}}}","{{{Digest.Sha256(layer)}}}"]}}""");
        using MemoryStream archive = Archive(
            ("./abc/layer.tar", layer),
            ("config.json", config),
            ("manifest.json", """[{"Config":"config.json","RepoTags":["app:2"],"Layers":["abc/layer.tar","abc/layer.tar"]}]"""u8.ToArray()));
        ImageRecord image = (await _importer.ImportAsync(archive)).Single();
        ImageManifest manifest = ImageManifest.Parse(await _content.ReadAsync(image.Target, 100_000), image.Target.MediaType);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(image.Name, Is.EqualTo("docker.io/library/app:2"));
            Assert.That(manifest.Layers.Select(one => (one.MediaType, one.Digest)), Has.Exactly(2).EqualTo((MediaTypes.DockerLayer, Digest.Sha256(layer))));
            Assert.That(await _content.ReadAsync(manifest.Config, 10_000), Is.EqualTo(config));
        }
    }

    [Test]
    public async Task ALayerOfDockerSaveThatIsNotTheConfigurationsIsRefused()
    {
        byte[] config = Encoding.UTF8.GetBytes($$$"""{"rootfs":{"type":"layers","diff_ids":["{{{Digest.Sha256("other"u8)}}}"]}}""");
        using MemoryStream archive = Archive(
            ("layer.tar", "this"u8.ToArray()), ("c", config), ("manifest.json", """[{"Config":"c","RepoTags":["app:2"],"Layers":["layer.tar"]}]"""u8.ToArray()));
        Assert.That(() => _importer.ImportAsync(archive), Throws.TypeOf<DigestMismatchException>());
        Assert.That(await _names.ListAsync().CountAsync(), Is.Zero);
    }

    [Test]
    public async Task NamesComeFromTheCallerWhereTheArchiveHasNone()
    {
        string layout = Layout(TestImage.Create(), "latest");
        Assert.That(() => _importer.ImportAsync(layout), Fails(ErrorKind.InvalidArgument));
        Assert.That(
            (await _importer.ImportAsync(layout, new ImageImportOptions { Repository = "registry.example/other" })).Single().Name, Is.EqualTo("registry.example/other:latest"));
        Assert.That((await _importer.ImportAsync(layout, new ImageImportOptions { Name = Name })).Single().Name, Is.EqualTo(Name));
    }

    [Test]
    public async Task ANameThatStandsForAnotherImageIsNotTaken()
    {
        TestImage mine = TestImage.Create();
        await _importer.ImportAsync(Layout(mine));
        TestImage theirs = TestImage.Create();
        Directory.Delete(_directory["layout"], recursive: true);
        string layout = Layout(theirs);
        Assert.That(() => _importer.ImportAsync(layout), Fails(ErrorKind.AlreadyExists));
        Assert.That((await _names.FindAsync(Name))?.Target.Digest, Is.EqualTo(mine.Target.Digest));
        Assert.That(await _content.FindAsync(theirs.Layers[0].Digest), Is.Null, "refused before anything is stored");
        await _importer.ImportAsync(layout, new ImageImportOptions { ReplaceExisting = true });
        Assert.That((await _names.FindAsync(Name))?.Target.Digest, Is.EqualTo(theirs.Target.Digest));
    }

    [Test]
    public async Task AWrongBlobIsRefused()
    {
        TestImage made = TestImage.Create();
        made.Blobs[made.Layers[2].Digest][7] ^= 1;
        string layout = Layout(made);
        Assert.That(() => _importer.ImportAsync(layout), Throws.TypeOf<DigestMismatchException>());
        Assert.That(await _names.ListAsync().CountAsync(), Is.Zero);
    }

    [Test]
    public async Task AMissingBlobIsNamed()
    {
        TestImage made = TestImage.Create();
        made.Blobs.Remove(made.Layers[2].Digest);
        var e = Assert.ThrowsAsync<ContainerdException>(() => _importer.ImportAsync(Layout(made)));
        Assert.That(e.Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That(e.Message, Does.Contain(made.Layers[2].Digest.ToString()));
        Assert.That(await _names.ListAsync().CountAsync(), Is.Zero);
    }

    [Test]
    public async Task OnePlatformOfManyIsEnough()
    {
        TestImage made = TestImage.CreateIndex("amd64", "arm64");
        ImageIndex index = ImageIndex.Parse(made.Blobs[made.Target.Digest], MediaTypes.OciIndex);
        made.Blobs.Remove(index.Manifests[1].Digest);
        Assert.That((await _importer.ImportAsync(Layout(made))).Single().Target, Is.EqualTo(made.Target));
    }

    [Test]
    public async Task IndexesThatRepeatThemselvesCostNoMoreThanWhatTheyName()
    {
        // 300 times 300 times 300 ways lead to one manifest.
        TestImage made = TestImage.Create();
        Descriptor target = made.Target;
        for (int depth = 0; depth < 3; depth++)
        {
            var children = new JsonArray([.. Enumerable.Range(0, 300).Select(_ => (JsonNode)TestImage.Json(target))]);
            target = made.Add(MediaTypes.OciIndex, new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = MediaTypes.OciIndex, ["manifests"] = children });
        }
        string layout = Layout(made);
        File.WriteAllText(Path.Join(layout, "index.json"), new JsonObject { ["schemaVersion"] = 2, ["manifests"] = new JsonArray(TestImage.Json(target)) }.ToJsonString());
        var reports = new Counter();
        await _importer.ImportAsync(layout, new ImageImportOptions { Name = Name }, reports);
        Assert.That(reports.Count, Is.LessThan(100));
    }

    [Test]
    public void WhatIsNoArchiveIsRefused()
    {
        Assert.That(() => _importer.ImportAsync(new MemoryStream(Encoding.ASCII.GetBytes(new string('x', 2000)))), Fails(ErrorKind.DataCorrupted));
        Assert.That(() => _importer.ImportAsync(Archive(("../../etc/passwd", [1]), ("/etc/shadow", [2]))), Fails(ErrorKind.DataCorrupted));
        Assert.That(() => _importer.ImportAsync(Archive(("oci-layout", """{"imageLayoutVersion":"2.0.0"}"""u8.ToArray()))), Fails(ErrorKind.NotSupported));
        Assert.That(() => _importer.ImportAsync(Archive(("manifest.json", new byte[5 * 1024 * 1024]))), Fails(ErrorKind.ResourceExhausted));
        Assert.That(() => _importer.ImportAsync(Archive(("manifest.json", Encoding.ASCII.GetBytes(new string('[', 5000))))), Fails(ErrorKind.DataCorrupted));
        Assert.That(
            () => _importer.ImportAsync(Archive(("manifest.json", """[{"Config":"/etc/passwd","Layers":[]}]"""u8.ToArray()))), Fails(ErrorKind.NotFound));
    }

    [Test]
    public void ATruncatedArchiveIsDamaged()
    {
        MemoryStream archive = Archive(Members(Layout(TestImage.Create())));
        archive.SetLength(archive.Length / 2);
        Assert.That(() => _importer.ImportAsync(archive), Fails(ErrorKind.DataCorrupted).Or.Property(nameof(ContainerdException.Kind)).EqualTo(ErrorKind.NotFound));
    }

    private sealed class Counter : IProgress<TransferProgress>
    {
        public int Count { get; private set; }

        public void Report(TransferProgress value)
        {
            if (++Count > 10_000)
                throw new InvalidOperationException("This would go on for hours.");
        }
    }
}
