using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;

namespace Containerd.Images.Tests;

/// <summary>Pulling and unpacking against a registry in this process.</summary>
public sealed class ImageServiceTests
{
    private TemporaryDirectory _directory = null!;
    private ContentStore _content = null!;
    private ImageStore _names = null!;
    private HttpRegistry _registry = null!;
    private ImageService _images = null!;

    [SetUp]
    public void SetUp()
    {
        _directory = new TemporaryDirectory();
        _content = new ContentStore(Root);
        _names = new ImageStore(Root);
        _registry = new HttpRegistry(new HttpRegistryOptions { PlainHttpOnLoopback = true, MaxRetries = 1, RetryDelay = TimeSpan.FromMilliseconds(1) });
        _images = new ImageService(_content, _names, _registry);
    }

    [TearDown]
    public void TearDown()
    {
        _images.Dispose();
        _registry.Dispose();
        _names.Dispose();
        _content.Dispose();
        _directory.Dispose();
    }

    private string Root => _directory["root"];

    private static string NameAt(ScriptedServer server) => $"{server.Host}/team/app:1";

    private static ScriptedServer Serve(TestImage image) => new((request, stream, _) => image.ServeAsync(request, stream));

    private static NUnit.Framework.Constraints.EqualConstraint<ErrorKind> Fails(ErrorKind kind) =>
        Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(kind);

    [Test]
    public async Task AnImageIsPulledNamedAndFound()
    {
        TestImage made = TestImage.Create();
        await using ScriptedServer server = Serve(made);
        var progress = new Recorder();
        Image pulled = await _images.PullAsync(NameAt(server), progress: progress);
        Image found = await _images.GetAsync(NameAt(server));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(pulled.Target, Is.EqualTo(made.Target));
            Assert.That(found.Layers, Is.EqualTo(made.Layers));
            Assert.That(found.DiffIds, Is.EqualTo(made.DiffIds));
            Assert.That(found.Config.Env, Is.EqualTo(new[] { "A=b" }));
            Assert.That(found.ChainId, Is.EqualTo(ChainId.Compute(made.DiffIds).ToString()));
            Assert.That(await _content.ListAsync().CountAsync(), Is.EqualTo(made.Blobs.Count));
            Assert.That(await _images.ListAsync().Select(image => image.Name).ToListAsync(), Is.EqualTo(new[] { NameAt(server) }));
        }
        List<TransferProgress> reports = [.. progress.Reports];
        int firstLayerByte = reports.FindIndex(report => report.Phase == TransferPhase.Transferring && made.Layers.Contains(report.Content!));
        Assert.That(reports.Take(firstLayerByte).Count(report => report.Phase == TransferPhase.Queued), Is.EqualTo(4), "totals come before bytes");
        Assert.That(reports.Where(report => report.Phase == TransferPhase.Done).Select(report => report.Content), Is.SupersetOf(made.Layers));

        int requests = server.Requests.Count;
        await _images.PullAsync(NameAt(server));
        Assert.That(server.Requests.Skip(requests).Select(request => request.Method), Is.EqualTo(new[] { "HEAD" }), "what is there is not fetched again");
    }

    [Test]
    public async Task ThePlatformThatFitsIsChosen()
    {
        TestImage made = TestImage.CreateIndex("s390x", "arm64", "386", "amd64");
        await using ScriptedServer server = Serve(made);
        Image image = await _images.PullAsync(NameAt(server), new ImagePullOptions { Platform = Platform.Parse("linux/arm64") });
        Assert.That(image.Platform, Is.EqualTo(Platform.Parse("linux/arm64")));
        Assert.That(await _content.ListAsync().CountAsync(), Is.EqualTo(5), "index, manifest, configuration and two layers");
        var e = Assert.ThrowsAsync<ContainerdException>(() => _images.PullAsync(NameAt(server), new ImagePullOptions { Platform = Platform.Parse("linux/riscv64") }));
        Assert.That(e.Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That(e.Message, Does.Contain("linux/riscv64").And.Contain("linux/s390x").And.Contain("linux/amd64"));
    }

    [Test]
    public async Task WrongBytesFailThePullAndLeaveNoName()
    {
        TestImage made = TestImage.Create();
        made.Blobs[made.Layers[1].Digest][100] ^= 1;
        await using ScriptedServer server = Serve(made);
        Assert.That(() => _images.PullAsync(NameAt(server)), Throws.TypeOf<DigestMismatchException>());
        Assert.That(await _images.FindAsync(NameAt(server)), Is.Null);
        Assert.That(await _content.FindAsync(made.Layers[1].Digest), Is.Null);
    }

    [Test]
    public async Task AManifestThatIsAlsoAnIndexIsRefused()
    {
        var made = new TestImage();
        made.AddLayer("x", [1]);
        made.Finish("amd64", manifest => manifest["Manifests"] = new JsonArray());
        await using ScriptedServer server = Serve(made);
        Assert.That(() => _images.PullAsync(NameAt(server)), Fails(ErrorKind.DataCorrupted));
    }

    [Test]
    public async Task AnArtifactIsNoImage()
    {
        var made = new TestImage();
        made.AddLayer("x", [1]);
        made.Finish("amd64", manifest => manifest["config"]!["mediaType"] = MediaTypes.OciEmpty);
        await using ScriptedServer server = Serve(made);
        Assert.That(() => _images.PullAsync(NameAt(server)), Fails(ErrorKind.NotSupported));
        Assert.That(await _content.FindAsync(made.Layers[0].Digest), Is.Null);
    }

    [Test]
    public async Task LayersThatDoNotFitTheConfigurationAreRefused()
    {
        var made = new TestImage();
        made.AddLayer("x", [1]);
        made.DiffIds.Add(Digest.Sha256("y"u8));
        made.Finish("amd64");
        await using ScriptedServer server = Serve(made);
        Assert.That(() => _images.PullAsync(NameAt(server)), Fails(ErrorKind.DataCorrupted));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task AConfigurationThatIsALayerIsRefused(bool unpacked)
    {
        var made = new TestImage();
        made.DiffIds.Add(Digest.Sha256("x"u8));
        made.Finish("amd64", manifest =>
        {
            JsonNode layer = manifest["config"]!.DeepClone();
            layer["mediaType"] = MediaTypes.OciLayer;
            manifest["layers"] = new JsonArray(layer);
        });
        await using ScriptedServer server = Serve(made);
        ImagePullOptions? options = unpacked ? new ImagePullOptions { Unpack = new ImageUnpack(new MemorySnapshotter(), new HashingApplier()) } : null;
        Assert.That(() => _images.PullAsync(NameAt(server), options), Fails(ErrorKind.DataCorrupted));
    }

    [Test]
    public async Task ACancelledPullIsResumed()
    {
        TestImage made = TestImage.Create(layers: 1, layerBytes: 400_000);
        Digest layer = made.Layers[0].Digest;
        using var cancel = new CancellationTokenSource();
        int interruptions = 1;
        await using var server = new ScriptedServer(async (request, stream, token) =>
        {
            if (request.Path.EndsWith(layer.ToString(), StringComparison.Ordinal) && Interlocked.Decrement(ref interruptions) >= 0)
            {
                await ScriptedServer.HeadAsync(stream, 200, $"Content-Length: {made.Layers[0].Size}");
                await stream.WriteAsync(made.Blobs[layer].AsMemory(0, 100_000), token);
                await Task.Delay(Timeout.Infinite, token);
            }
            await made.ServeAsync(request, stream);
        });
        long fetched = 0;
        using var meters = new MeterListener { InstrumentPublished = (instrument, listener) => { if (instrument.Name == "containerd.images.fetched") listener.EnableMeasurementEvents(instrument); } };
        meters.SetMeasurementEventCallback<long>((_, bytes, tags, _) =>
        {
            if (tags[0].Value is string address && address == server.Host)
                Interlocked.Add(ref fetched, bytes);
        });
        meters.Start();
        var progress = new Recorder(report =>
        {
            if (report.Content?.Digest == layer && report.Bytes == 100_000)
                cancel.Cancel();
        });
        Assert.That(() => _images.PullAsync(NameAt(server), progress: progress, cancellationToken: cancel.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await _images.FindAsync(NameAt(server)), Is.Null);
        Assert.That((await _content.ListIngestsAsync().ToListAsync()).Single().Offset, Is.EqualTo(100_000));
        await _images.PullAsync(NameAt(server));
        Assert.That(server.Requests.Last().Headers["Range"], Is.EqualTo("bytes=100000-"));
        Assert.That(fetched, Is.EqualTo(made.Blobs.Values.Sum(blob => (long)blob.Length)), "each byte is counted once, when it has come");
    }

    [Test]
    public async Task ADamagedPartIsThrownAwayAndFetchedAnew()
    {
        TestImage made = TestImage.Create(layers: 1);
        await using (IContentWriter writer = await _content.OpenWriterAsync(ContentTransfer.ReferenceOf(made.Layers[0]), made.Layers[0]))
            await writer.WriteAsync(new byte[1000]);
        await using ScriptedServer server = Serve(made);
        await _images.PullAsync(NameAt(server));
        Assert.That(await _content.FindAsync(made.Layers[0].Digest), Is.Not.Null);
    }

    [Test]
    public async Task ATagThatMovedMovesTheName()
    {
        TestImage current = TestImage.Create();
        await using var server = new ScriptedServer((request, stream, _) => current.ServeAsync(request, stream));
        await _images.PullAsync(NameAt(server));
        current = TestImage.Create();
        await _images.PullAsync(NameAt(server));
        Assert.That((await _images.GetAsync(NameAt(server))).Target, Is.EqualTo(current.Target));
        await _images.RemoveAsync(NameAt(server));
        Assert.That(() => _images.GetAsync(NameAt(server)), Fails(ErrorKind.NotFound));
    }

    [Test]
    public async Task UnpackingMakesAChainOnce()
    {
        TestImage made = TestImage.Create();
        await using ScriptedServer server = Serve(made);
        Image image = await _images.PullAsync(NameAt(server));
        var snapshotter = new MemorySnapshotter();
        var applier = new HashingApplier();
        string[] tops = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => _images.UnpackAsync(image, snapshotter, applier))));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(tops, Has.All.EqualTo(image.ChainId));
            Assert.That(applier.Applied, Is.EqualTo(made.Layers.Select(layer => layer.Digest)), "each layer once, whoever wants it");
            Assert.That(snapshotter.Snapshots.Keys, Is.EquivalentTo(ChainId.ComputeAll(made.DiffIds).Select(id => id.ToString())));
            Assert.That((await _content.GetAsync(made.Layers[0].Digest)).Labels[Labels.Uncompressed], Is.EqualTo(made.DiffIds[0].ToString()));
            Assert.That(await _content.ListIngestsAsync().ToListAsync(), Is.Empty);
        }
    }

    [Test]
    public async Task AnAdoptedLayerIsNotExtracted()
    {
        TestImage made = TestImage.Create();
        await using ScriptedServer server = Serve(made);
        Image image = await _images.PullAsync(NameAt(server));
        var snapshotter = new MemorySnapshotter();
        snapshotter.Adoptable.Add(made.DiffIds[1]);
        var applier = new HashingApplier();
        await _images.UnpackAsync(image, snapshotter, applier);
        Assert.That(applier.Applied, Is.EqualTo(new[] { made.Layers[0].Digest, made.Layers[2].Digest }));
    }

    [Test]
    public async Task ALayerThatIsNotWhatTheConfigurationSaysLeavesNoSnapshot()
    {
        var made = new TestImage();
        made.AddLayer("x", [1]);
        made.AddLayer("y", [2]);
        made.DiffIds[1] = Digest.Sha256("else"u8);
        made.Finish("amd64");
        await using ScriptedServer server = Serve(made);
        Image image = await _images.PullAsync(NameAt(server));
        var snapshotter = new MemorySnapshotter();
        Assert.That(() => _images.UnpackAsync(image, snapshotter, new HashingApplier()), Throws.TypeOf<DigestMismatchException>());
        Assert.That(snapshotter.Snapshots.Keys, Is.EqualTo(new[] { made.DiffIds[0].ToString() }), "the layer beneath stays, the active snapshot does not");
    }

    [Test]
    public async Task ADiffIdThatTheApplierCannotTellIsNotSupported()
    {
        var made = new TestImage();
        made.AddLayer("x", [1]);
        made.DiffIds[0] = Digest.Parse("sha512:" + new string('a', 128));
        made.Finish("amd64");
        await using ScriptedServer server = Serve(made);
        Image image = await _images.PullAsync(NameAt(server));
        var snapshotter = new MemorySnapshotter();
        Assert.That(() => _images.UnpackAsync(image, snapshotter, new HashingApplier()), Fails(ErrorKind.NotSupported));
        Assert.That(snapshotter.Snapshots, Is.Empty);
    }

    [Test]
    public async Task ACancelledExtractionLeavesNoActiveSnapshot()
    {
        TestImage made = TestImage.Create();
        await using ScriptedServer server = Serve(made);
        using var cancel = new CancellationTokenSource();
        var snapshotter = new MemorySnapshotter();
        var applier = new HashingApplier
        {
            Before = async (layer, token) =>
            {
                if (layer != made.Layers[1])
                    return;
                await cancel.CancelAsync();
                token.ThrowIfCancellationRequested();
            },
        };
        Assert.That(
            () => _images.PullAsync(NameAt(server), new ImagePullOptions { Unpack = new ImageUnpack(snapshotter, applier) }, cancellationToken: cancel.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(snapshotter.Snapshots.Keys, Is.EqualTo(new[] { made.DiffIds[0].ToString() }));
        Assert.That(await _images.FindAsync(NameAt(server)), Is.Null);
    }

    [Test]
    public async Task WhatAnExtractionThatWasCutOffLeftGoesWithTheNextOne()
    {
        TestImage made = TestImage.Create(layers: 1);
        await using ScriptedServer server = Serve(made);
        Image image = await _images.PullAsync(NameAt(server));
        var snapshotter = new MemorySnapshotter { RefusesRemoval = true };
        var broken = new HashingApplier { Before = (_, _) => throw new InvalidOperationException("cut off") };
        Assert.That(() => _images.UnpackAsync(image, snapshotter, broken), Throws.Exception);
        Assert.That(snapshotter.Snapshots.Keys.Single(), Does.StartWith("extract-"));
        // Of an extraction that another content store has in hand, this one must not take the snapshot.
        string other = $"extract-0-other {image.ChainId}";
        await snapshotter.PrepareAsync(other, options: new SnapshotOptions { Labels = new Dictionary<string, string> { [Labels.SnapshotRef] = image.ChainId! } });

        snapshotter.RefusesRemoval = false;
        await _images.UnpackAsync(image, snapshotter, new HashingApplier());
        Assert.That(snapshotter.Snapshots.Keys, Is.EquivalentTo(new[] { image.ChainId, other }));
        Assert.That((await _content.GetAsync(made.Layers[0].Digest)).Labels.Keys, Is.EqualTo(new[] { Labels.Uncompressed }));
    }

    [Test]
    public async Task ALayerIsExtractedWhileOthersAreStillFetched()
    {
        TestImage made = TestImage.Create();
        var firstExtracted = new TaskCompletionSource();
        await using var server = new ScriptedServer(async (request, stream, token) =>
        {
            // The second layer comes only when the first has been extracted: without the overlap this never ends.
            if (request.Path.EndsWith(made.Layers[1].Digest.ToString(), StringComparison.Ordinal))
                await firstExtracted.Task.WaitAsync(TimeSpan.FromSeconds(20), token);
            await made.ServeAsync(request, stream);
        });
        var snapshotter = new MemorySnapshotter();
        var progress = new Recorder(report =>
        {
            if (report.Phase == TransferPhase.Extracted)
                firstExtracted.TrySetResult();
        });
        Image image = await _images.PullAsync(NameAt(server), new ImagePullOptions { Unpack = new ImageUnpack(snapshotter, new HashingApplier()) }, progress);
        Assert.That(snapshotter.Snapshots, Contains.Key(image.ChainId!));
    }

    [Test]
    public async Task AKilledIngestIsResumedByAnotherProcess()
    {
        using (Process child = StartChild("ingest", Root))
        {
            Assert.That(await child.StandardOutput.ReadLineAsync(), Is.EqualTo("ready"));
            Assert.That(() => _content.OpenWriterAsync("killed", Program.IngestDescriptor), Fails(ErrorKind.Unavailable), "locks exclude across processes");
            child.Kill();
            await child.WaitForExitAsync();
        }
        await using IContentWriter writer = await _content.OpenWriterAsync("killed", Program.IngestDescriptor);
        Assert.That(writer.Offset, Is.EqualTo(400_000));
        await writer.WriteAsync(Program.IngestContent.AsMemory(400_000));
        await writer.CommitAsync();
        Assert.That(await _content.ReadAsync(Program.IngestDescriptor, 1_000_000), Is.EqualTo(Program.IngestContent));
    }

    [Test]
    public async Task TwoProcessesThatPullTheSameImageFetchItOnce()
    {
        TestImage made = TestImage.Create(layers: 4);
        await using var server = new ScriptedServer(async (request, stream, token) =>
        {
            if (request.Path.Contains("/blobs/", StringComparison.Ordinal))
                await Task.Delay(200, token);
            await made.ServeAsync(request, stream);
        });
        using Process one = StartChild("pull", Root, NameAt(server));
        using Process other = StartChild("pull", Root, NameAt(server));
        string[] outputs = await Task.WhenAll(one.StandardOutput.ReadToEndAsync(), other.StandardOutput.ReadToEndAsync());
        await Task.WhenAll(one.WaitForExitAsync(), other.WaitForExitAsync());
        using (Assert.EnterMultipleScope())
        {
            Assert.That((one.ExitCode, other.ExitCode), Is.EqualTo((0, 0)), await one.StandardError.ReadToEndAsync() + await other.StandardError.ReadToEndAsync());
            Assert.That(outputs.Select(output => output.Trim()), Has.All.EqualTo(made.Target.Digest.ToString()));
            Assert.That(server.Requests.Where(request => request.Method == "GET").Select(request => request.Path), Is.Unique);
        }
        Assert.That((await _images.GetAsync(NameAt(server))).Layers, Is.EqualTo(made.Layers));
    }

    private static Process StartChild(params string[] arguments) =>
        Process.Start(new ProcessStartInfo("dotnet", ["exec", typeof(Program).Assembly.Location, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;

    private sealed class Recorder(Action<TransferProgress>? then = null) : IProgress<TransferProgress>
    {
        public ConcurrentQueue<TransferProgress> Reports { get; } = new();

        public void Report(TransferProgress value)
        {
            Reports.Enqueue(value);
            then?.Invoke(value);
        }
    }
}
