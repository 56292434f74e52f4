using System.IO.Compression;
using System.IO.Pipelines;

namespace Containerd.Snapshots.Tests;

public sealed class CompressionEncoderTests
{
    private const int GzipBlock = GzipCompression.BlockLength, ZstandardBlock = ZstandardCompression.BlockLength;

    private static readonly GzipCompression Gzip = new();
    private static readonly ZstandardCompression Zstandard = new();

    [Test]
    public async Task GzipComesBackAsItWas(
        [Values(0, 1, 2, 4095, GzipBlock - 1, GzipBlock, GzipBlock + 1, (5 * GzipBlock) + 17)] int length)
    {
        byte[] archive = CompressionRun.Sample(length);
        byte[] layer = await Gzip.CompressAsync(archive);
        Assert.That(await Gzip.ExpandAsync(new MemoryStream(layer)), new SameBytes(archive));
        Assert.That(await Gzip.ExpandAsync(new TrickleStream(layer)), new SameBytes(archive), "in pieces");
        Assert.That(BclGunzip(layer), new SameBytes(archive), "read by the BCL");
    }

    [Test]
    public async Task ZstandardComesBackAsItWas([Values(0, 1, 2, ZstandardBlock - 1, ZstandardBlock, ZstandardBlock + 1, (2 * ZstandardBlock) + 17)] int length)
    {
        byte[] archive = CompressionRun.Sample(length);
        byte[] layer = await Zstandard.CompressAsync(archive);
        Assert.That(await Zstandard.ExpandAsync(new MemoryStream(layer)), new SameBytes(archive));
        Assert.That(await Zstandard.ExpandAsync(new TrickleStream(layer, 40_000)), new SameBytes(archive), "in pieces");
    }

    [Test]
    public async Task EveryLevelComesBackAsItWas()
    {
        byte[] archive = CompressionRun.Sample(GzipBlock + 30_000);
        long previous = 0;
        for (int level = 0; level <= 9; level++)
        {
            byte[] layer = await Gzip.CompressAsync(archive, level);
            Assert.That(BclGunzip(layer), new SameBytes(archive), $"gzip {level}");
            Assert.That(layer, level == 0 ? Has.Length.GreaterThan(archive.Length) : Has.Length.LessThan(archive.Length), $"gzip {level}");
        }
        byte[] shorter = archive[..150_000];
        for (int level = 1; level <= 19; level++)
        {
            byte[] layer = await Zstandard.CompressAsync(shorter, level);
            Assert.That(await Zstandard.ExpandAsync(new MemoryStream(layer)), new SameBytes(shorter), $"zstd {level}");
            previous += layer.Length;
        }
        Assert.That(previous, Is.LessThan(19 * shorter.Length));
    }

    [Test]
    public async Task WhatCannotBeCompressedGrowsLittle([Values] bool zeros, [Values(0, 1, 2, 3, 6, 9)] int level)
    {
        byte[] archive = new byte[(2 * GzipBlock) + 5];
        if (!zeros)
            new Random(3).NextBytes(archive);
        byte[] layer = await Gzip.CompressAsync(archive, level);
        Assert.That(BclGunzip(layer), new SameBytes(archive));
        // zlib-ng's fastest level codes noise with nine bits a byte.
        Assert.That(layer, zeros && level > 0 ? Has.Length.LessThan(archive.Length / 50) : Has.Length.LessThan(archive.Length * (level == 1 ? 1.13 : 1.001)));
        if (level == 0)
            return;
        byte[] frames = await Zstandard.CompressAsync(archive, level);
        Assert.That(await Zstandard.ExpandAsync(new MemoryStream(frames)), new SameBytes(archive));
        Assert.That(frames, zeros ? Has.Length.LessThan(archive.Length / 1000) : Has.Length.LessThan(archive.Length * 1.001));
    }

    [Test]
    public async Task ResultDependsNeitherOnWorkersNorOnHowTheBytesArrive()
    {
        byte[] archive = CompressionRun.Sample((5 * GzipBlock) + 12345);
        byte[] gzip = await new GzipCompression(1).CompressAsync(archive);
        foreach (int workers in (int[])[2, 3, 8])
            Assert.That(await new GzipCompression(workers).CompressAsync(new TrickleStream(archive, 90_000 + workers)), new SameBytes(gzip), $"{workers} workers");

        byte[] larger = CompressionRun.Sample((3 * ZstandardBlock) + 12345);
        byte[] zstandard = await new ZstandardCompression(1).CompressAsync(larger, 1);
        foreach (int workers in (int[])[2, 4])
            Assert.That(await new ZstandardCompression(workers).CompressAsync(new TrickleStream(larger, 90_000 + workers), 1), new SameBytes(zstandard), $"{workers} workers");
    }

    [Test]
    public async Task GzipHeaderSaysNeitherTimeNorSystem()
    {
        byte[] empty = await Gzip.CompressAsync([]);
        Assert.That(empty, Is.EqualTo((byte[])[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
        Assert.That((await Gzip.CompressAsync([1], 9))[8], Is.EqualTo(2));
        Assert.That((await Gzip.CompressAsync([1], 1))[8], Is.EqualTo(4));
    }

    [Test]
    public async Task NothingBecomesAValidStream()
    {
        Assert.That(await Zstandard.ExpandAsync(new MemoryStream(await Zstandard.CompressAsync([]))), Is.Empty);
        Assert.That(await Zstandard.CompressAsync([]), Is.Not.Empty);
        Assert.That(await new NoCompression().CompressAsync([]), Is.Empty);
        byte[] archive = CompressionRun.Sample(700_000);
        Assert.That(await new NoCompression().CompressAsync(new TrickleStream(archive)), new SameBytes(archive));
    }

    [Test]
    public void LevelsThatAreNoneAreRefused()
    {
        foreach ((ILayerCompression compression, int level) in ((ILayerCompression, int)[])[(Gzip, -1), (Gzip, 10), (Zstandard, 0), (Zstandard, 20), (new NoCompression(), 1)])
        {
            ContainerdException e = Assert.ThrowsAsync<ContainerdException>(() => compression.CompressAsync([], level))!;
            Assert.That(e.Kind, Is.EqualTo(ErrorKind.InvalidArgument));
            Assert.That(e.Subject, Is.EqualTo(compression.Name));
        }
    }

    [Test]
    public void FailureOfTheWriterComesThrough([ValueSource(nameof(All))] ILayerCompression compression)
    {
        byte[] archive = new byte[3 * GzipBlock];
        new Random(4).NextBytes(archive);
        Assert.ThrowsAsync<IOException>(() => compression.CompressAsync(PipeReader.Create(new MemoryStream(archive)), PipeWriter.Create(new FullStream(100))));
        Assert.ThrowsAsync<IOException>(
            () => compression.CompressAsync(PipeReader.Create(new MemoryStream([1, 2, 3])), PipeWriter.Create(new FullStream(0))), "at the last flush");
    }

    [Test]
    public void FailureOfTheReaderComesThrough([ValueSource(nameof(All))] ILayerCompression compression)
    {
        var pipe = new Pipe();
        pipe.Writer.Complete(new InvalidTimeZoneException());
        Assert.ThrowsAsync<InvalidTimeZoneException>(() => compression.CompressAsync(pipe.Reader, PipeWriter.Create(Stream.Null)));
        Assert.ThrowsAsync<InvalidTimeZoneException>(() => compression.ExpandAsync(pipe.Reader, PipeWriter.Create(Stream.Null)));
    }

    [Test]
    public async Task NobodyReadingStopsTheWork([ValueSource(nameof(All))] ILayerCompression compression)
    {
        byte[] noise = new byte[1 << 20];
        new Random(5).NextBytes(noise);
        var endless = new EndlessStream(noise);
        var output = new Pipe();
        Task work = compression.CompressAsync(PipeReader.Create(endless), output.Writer);
        await output.Reader.ReadAtLeastAsync(1);
        await output.Reader.CompleteAsync();
        await work.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.That(endless.Given, Is.LessThan(1 << 30));
    }

    [Test]
    public async Task CancellationStopsTheWork([ValueSource(nameof(All))] ILayerCompression compression)
    {
        using var cancel = new CancellationTokenSource();
        var output = new Pipe();
        Task work = compression.CompressAsync(PipeReader.Create(new EndlessStream(CompressionRun.Sample(1 << 20))), output.Writer, cancellationToken: cancel.Token);
        await output.Reader.ReadAtLeastAsync(1);
        await cancel.CancelAsync();
        Assert.That(async () => await work.WaitAsync(TimeSpan.FromSeconds(60)), Throws.InstanceOf<OperationCanceledException>());
    }

    private static ILayerCompression[] All() => [.. LayerCompressions.BuiltIn];

    private static byte[] BclGunzip(byte[] layer)
    {
        using var gzip = new GZipStream(new MemoryStream(layer), CompressionMode.Decompress);
        var archive = new MemoryStream();
        gzip.CopyTo(archive);
        return archive.ToArray();
    }

    // A disk that has no more room.
    private sealed class FullStream(long room) : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            Length + buffer.Length > room ? throw new IOException("No space left on device") : base.WriteAsync(buffer, cancellationToken);
    }

    private sealed class EndlessStream(byte[] piece) : MemoryStream
    {
        public long Given { get; private set; }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int count = Math.Min(buffer.Length, piece.Length);
            piece.AsSpan(0, count).CopyTo(buffer.Span);
            Given += count;
            return ValueTask.FromResult(count);
        }
    }
}
