using System.IO.Compression;
using System.IO.Pipelines;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

public sealed class OwnCompressionTests
{
    private const string BrotliLayer = MediaTypes.OciLayer + "+brotli";
    private static readonly byte[] Archive = new TarBuilder().File("a", string.Concat(Enumerable.Range(0, 100_000))).ToArray();

    [RequiresRoot]
    [Test]
    public async Task IsFoundByTheBytes()
    {
        var compression = new XorCompression();
        byte[] layer = await compression.CompressAsync(Archive);
        using var scratch = new LayerScratch();
        LayerApplyResult result = await scratch.ApplyAsync(layer, new TarLayerApplierOptions { Compressions = [compression, .. LayerCompressions.BuiltIn] });
        Assert.That(result.DiffId, Is.EqualTo(Digest.Sha256(Archive)));
    }

    [RequiresRoot]
    [Test]
    public async Task IsFoundByTheMediaType()
    {
        var applier = new TarLayerApplier(new TarLayerApplierOptions { Compressions = [new BrotliCompression(), .. LayerCompressions.BuiltIn] });
        byte[] layer = await new BrotliCompression().CompressAsync(Archive, 5);
        var descriptor = new Descriptor { MediaType = BrotliLayer, Digest = Digest.Sha256(layer), Size = layer.Length };
        using var scratch = new LayerScratch();
        LayerApplyResult result = await applier.ApplyAsync(descriptor, new MemoryStream(layer), [Mount.Bind(scratch.Tree)]);
        Assert.That(result.DiffId, Is.EqualTo(Digest.Sha256(Archive)));

        ContainerdException e = Assert.ThrowsAsync<ContainerdException>(
            () => new TarLayerApplier().ApplyAsync(descriptor, new MemoryStream(layer), [Mount.Bind(scratch.Tree)]), "not among the built-in ones")!;
        Assert.That(e.Kind, Is.EqualTo(ErrorKind.NotSupported));
        Assert.That(e.Message, Does.Contain("gzip, zstd, none"));
    }

    [RequiresRoot]
    [Test]
    public async Task WhatItLeavesUnreadIsAnError()
    {
        byte[] layer = await new BrotliCompression().CompressAsync(Archive, 5);
        var options = new TarLayerApplierOptions { Compressions = [new BrotliCompression { TakesEverything = true }] };
        using var scratch = new LayerScratch();
        await scratch.ApplyAsync(layer, options);
        ContainerdException e = Assert.ThrowsAsync<ContainerdException>(() => scratch.ApplyAsync([.. layer, .. new byte[300_000]], options))!;
        Assert.That(e.Kind, Is.EqualTo(ErrorKind.DataCorrupted));
        Assert.That(e.Message, Does.Contain("brotli"));
    }

    [RequiresRoot]
    [Test]
    public async Task IsHeldToTheLimits()
    {
        byte[] layer = await new BrotliCompression().CompressAsync(new TarBuilder().File("zeros"u8.ToArray(), new byte[4 << 20]).ToArray(), 5);
        var options = new TarLayerApplierOptions { Compressions = [new BrotliCompression { TakesEverything = true }], Limits = new LayerLimits { MaxExpandedBytes = 1 << 20 } };
        using var scratch = new LayerScratch();
        ContainerdException e = Assert.ThrowsAsync<ContainerdException>(() => scratch.ApplyAsync(layer, options))!;
        Assert.That(e.Subject, Is.EqualTo(nameof(LayerLimits.MaxExpandedBytes)));
    }

    [Test]
    public void WithoutOneThatMatchesALayerIsRefused()
    {
        var options = new TarLayerApplierOptions { Compressions = [new GzipCompression()] };
        using var scratch = new LayerScratch();
        var descriptor = new Descriptor { MediaType = MediaTypes.OciLayerGzip, Digest = Digest.Sha256([]), Size = 0 };
        ContainerdException e = Assert.ThrowsAsync<ContainerdException>(
            () => new TarLayerApplier(options).ApplyAsync(descriptor, new MemoryStream(Archive), [Mount.Bind(scratch.Tree)]))!;
        Assert.That(e.Kind, Is.EqualTo(ErrorKind.NotSupported));
    }

    [TestCase(MediaTypes.OciLayer, "none")]
    [TestCase(MediaTypes.DockerLayer, "none")]
    [TestCase(MediaTypes.OciLayerGzip, "gzip")]
    [TestCase(MediaTypes.DockerLayerGzip, "gzip")]
    [TestCase(MediaTypes.DockerForeignLayerGzip, "gzip")]
    [TestCase(MediaTypes.OciLayerZstd, "zstd")]
    [TestCase(MediaTypes.DockerLayerZstd, "zstd")]
    [TestCase("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", "zstd")]
    public void EveryLayerMediaTypeHasItsCompression(string mediaType, string name)
    {
        Assert.That(LayerCompressions.ForMediaType(LayerCompressions.BuiltIn, mediaType, "write").Name, Is.EqualTo(name));
        Assert.That(LayerCompressions.BuiltIn.Count(compression => compression.MediaTypes.Contains(mediaType)), Is.EqualTo(1));
    }

    // Has a mark of its own: four bytes, then the archive with every bit inverted.
    private sealed class XorCompression : ILayerCompression
    {
        public string Name => "xor";

        public IReadOnlyList<string> MediaTypes => [Containerd.MediaTypes.OciLayer + "+xor"];

        public bool Matches(ReadOnlySpan<byte> start, string mediaType) => start.StartsWith("XOR1"u8);

        public async Task ExpandAsync(PipeReader compressed, PipeWriter expanded, CancellationToken cancellationToken = default)
        {
            ReadResult mark = await compressed.ReadAtLeastAsync(4, cancellationToken);
            compressed.AdvanceTo(mark.Buffer.GetPosition(4));
            await InvertAsync(compressed, expanded, cancellationToken);
        }

        public async Task CompressAsync(PipeReader expanded, PipeWriter compressed, int? level = null, CancellationToken cancellationToken = default)
        {
            await compressed.WriteAsync("XOR1"u8.ToArray(), cancellationToken);
            await InvertAsync(expanded, compressed, cancellationToken);
        }

        private static async Task InvertAsync(PipeReader input, PipeWriter output, CancellationToken cancellationToken)
        {
            while (true)
            {
                ReadResult read = await input.ReadAsync(cancellationToken);
                foreach (ReadOnlyMemory<byte> piece in read.Buffer)
                    await output.WriteAsync(piece.ToArray().Select(value => (byte)~value).ToArray(), cancellationToken);
                input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                    return;
            }
        }
    }

    // Has no mark; only the media type tells.
    private sealed class BrotliCompression : ILayerCompression
    {
        public bool TakesEverything { get; init; }

        public string Name => "brotli";

        public IReadOnlyList<string> MediaTypes => TakesEverything ? [Containerd.MediaTypes.DockerLayer] : [BrotliLayer];

        public bool Matches(ReadOnlySpan<byte> start, string mediaType) => MediaTypes.Contains(mediaType);

        public async Task ExpandAsync(PipeReader compressed, PipeWriter expanded, CancellationToken cancellationToken = default)
        {
            await using var brotli = new BrotliStream(compressed.AsStream(leaveOpen: true), CompressionMode.Decompress);
            await brotli.CopyToAsync(expanded, cancellationToken);
        }

        public async Task CompressAsync(PipeReader expanded, PipeWriter compressed, int? level = null, CancellationToken cancellationToken = default)
        {
            await using var brotli = new BrotliStream(compressed.AsStream(leaveOpen: true), new BrotliCompressionOptions { Quality = level ?? 5 });
            await expanded.CopyToAsync(brotli, cancellationToken);
        }
    }
}
