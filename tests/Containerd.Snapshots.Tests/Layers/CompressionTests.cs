using System.IO.Compression;
using Containerd.Conformance;
using ZstdSharp;

namespace Containerd.Snapshots.Tests;

[RequiresRoot]
public sealed class CompressionTests
{
    private static readonly byte[] Archive = new TarBuilder().File("a", string.Concat(Enumerable.Range(0, 3000))).File("b", "b").ToArray();

    [Test]
    public void ChecksumIsThatOfGzip()
    {
        Assert.That(Crc32.Append(0, "123456789"u8), Is.EqualTo(0xCBF43926));
        byte[] data = new byte[5000];
        new Random(1).NextBytes(data);
        for (int length = 0; length < data.Length; length += length < 300 ? 1 : 97)
        {
            byte[] part = data[..length];
            uint simple = ~Crc32.AppendTable(~0u, part);
            Assert.That(Crc32.Append(0, part), Is.EqualTo(simple), $"{length} bytes");
            Assert.That(Crc32.Append(Crc32.Append(0, part.AsSpan(0, length / 3)), part.AsSpan(length / 3)), Is.EqualTo(simple), $"{length} bytes in two");
        }
    }

    [Test]
    public async Task MembersOfAnyNumberAndSize([Values(50, 700, 4096, 100_000)] int memberLength, [Values(0, 1, 511, 70_000)] int zeros)
    {
        byte[] layer = [.. Archive.Chunk(memberLength).SelectMany(part => Gzip(part).Concat(Gzip([]))), .. new byte[zeros]];
        using var scratch = new LayerScratch();
        LayerApplyResult result = await scratch.ApplyAsync(new TrickleStream(layer));
        Assert.That(result.DiffId, Is.EqualTo(Digest.Sha256(Archive)));
    }

    [Test]
    public void EveryTruncationOfGzipIsFound([Values] bool endsWithEmptyMember)
    {
        byte[] layer = endsWithEmptyMember ? [.. Gzip(Archive), .. Gzip([])] : Gzip(Archive);
        int whole = Gzip(Archive).Length;
        using var scratch = new LayerScratch();
        for (int length = layer.Length - 40; length < layer.Length; length++)
        {
            if (length != whole)
                Expect(scratch, layer[..length], $"{length} of {layer.Length}");
        }
        for (int length = 3; length < layer.Length - 40; length += 101)
            Expect(scratch, layer[..length], $"{length} of {layer.Length}");
    }

    [Test]
    public void GarbageBehindGzipIsFound()
    {
        byte[] layer = Gzip(Archive);
        using var scratch = new LayerScratch();
        foreach (byte[] garbage in (byte[][])[[1], [0x1F], [0x1F, 0x8B], [0x1F, 0x8B, 9, 0], [0, 0, 1], [.. new byte[9000], 5], "garbage that is longer"u8.ToArray()])
            Expect(scratch, [.. layer, .. garbage], Convert.ToHexString(garbage[..Math.Min(garbage.Length, 30)]));
    }

    [Test]
    public void WrongChecksumOrLengthOfGzipIsFound()
    {
        byte[] layer = Gzip(Archive);
        using var scratch = new LayerScratch();
        for (int back = 1; back <= 8; back++)
        {
            byte[] damaged = [.. layer];
            damaged[^back] ^= 1;
            Expect(scratch, damaged, $"{back} from the end");
        }
    }

    [Test]
    public async Task GzipHeaderFieldsArePassedOver()
    {
        byte[] plain = Gzip(Archive);
        byte[] header = [0x1F, 0x8B, 8, 4 + 8 + 16 + 2, 0, 0, 0, 0, 0, 3, 3, 0, 1, 2, 3, .. "name\0"u8, .. "comment\0"u8];
        uint checksum = Crc32.Append(0, header);
        byte[] layer = [.. header, (byte)checksum, (byte)(checksum >> 8), .. plain[10..]];
        using var scratch = new LayerScratch();
        Assert.That((await scratch.ApplyAsync(layer)).DiffId, Is.EqualTo(Digest.Sha256(Archive)));
        for (int i = 4; i < header.Length + 2; i++)
        {
            byte[] damaged = [.. layer];
            damaged[i] ^= 1;
            Expect(scratch, damaged, $"byte {i} of the header");
        }
    }

    [Test]
    public async Task ZstandardFramesOfAllKinds()
    {
        byte[] skippable = [0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];
        byte[] layer = [.. skippable, .. Zstandard(Archive[..1000]), .. skippable, .. Zstandard([]), .. Zstandard(Archive[1000..]), .. skippable];
        using var scratch = new LayerScratch();
        Assert.That((await scratch.ApplyAsync(new TrickleStream(layer))).DiffId, Is.EqualTo(Digest.Sha256(Archive)));
    }

    [Test]
    public void DamagedZstandardIsFound()
    {
        byte[] layer = Zstandard(Archive);
        using var scratch = new LayerScratch();
        for (int length = 5; length < layer.Length; length += length > layer.Length - 20 ? 1 : 57)
            Expect(scratch, layer[..length], $"{length} of {layer.Length}");
        Expect(scratch, [.. layer, 1, 2, 3, 4, 5], "garbage");
    }

    [Test]
    public async Task LargeLayersKeepTheirDigest([Values("gzip", "zstd", "none")] string compression)
    {
        byte[] big = new byte[5_000_003];
        new Random(2).NextBytes(big.AsSpan(0, 2_000_000));
        byte[] archive = new TarBuilder().File("big"u8.ToArray(), big).ToArray();
        byte[] layer = compression switch { "gzip" => Gzip(archive), "zstd" => Zstandard(archive), _ => archive };
        using var scratch = new LayerScratch();
        LayerApplyResult result = await scratch.ApplyAsync(layer);
        Assert.That(result.DiffId, Is.EqualTo(Digest.Sha256(archive)));
        Assert.That(File.ReadAllBytes(Path.Join(scratch.Tree, "big")), new SameBytes(big));
    }

    [TestCase("application/vnd.oci.image.layer.v1.tar+encrypted")]
    [TestCase("application/vnd.oci.image.config.v1+json")]
    [TestCase("text/plain\n")]
    public void UnknownMediaTypesAreRefused(string mediaType)
    {
        var descriptor = new Descriptor { MediaType = mediaType, Digest = Digest.Sha256([]), Size = 0 };
        ContainerdException e = Assert.ThrowsAsync<ContainerdException>(() => new TarLayerApplier().ApplyAsync(descriptor, Stream.Null, [Mount.Bind("/nowhere")]))!;
        Assert.That(e.Kind, Is.EqualTo(ErrorKind.NotSupported));
        Assert.That(e.Message, Does.Not.Contain('\n'));
    }

    [Test]
    public void BombsAreStopped()
    {
        byte[] bomb = Gzip(new TarBuilder().File("zeros"u8.ToArray(), new byte[4 << 20]).ToArray());
        using var scratch = new LayerScratch();
        foreach ((LayerLimits limits, string name) in ((LayerLimits, string)[])
        [
            (new LayerLimits { MaxExpandedBytes = 1 << 20 }, nameof(LayerLimits.MaxExpandedBytes)),
            (new LayerLimits { ExpansionRatioFloorBytes = 1 << 20 }, nameof(LayerLimits.MaxExpansionRatio)),
        ])
        {
            ContainerdException e = Assert.ThrowsAsync<ContainerdException>(() => scratch.ApplyAsync(bomb, new TarLayerApplierOptions { Limits = limits }))!;
            Assert.That(e.Kind, Is.EqualTo(ErrorKind.ResourceExhausted), e.Message);
            Assert.That(e.Subject, Is.EqualTo(name));
        }
    }

    internal static byte[] Gzip(byte[] data)
    {
        var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Optimal, leaveOpen: true))
            gzip.Write(data);
        if (data.Length > 0)
            return compressed.ToArray();
        byte[] empty = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]; // the BCL writes nothing at all for no bytes
        return empty;
    }

    internal static byte[] Zstandard(byte[] data)
    {
        using var compressor = new Compressor();
        return compressor.Wrap(data).ToArray();
    }

    private static void Expect(LayerScratch scratch, byte[] layer, string what)
    {
        ContainerdException? e = Assert.ThrowsAsync<ContainerdException>(() => scratch.ApplyAsync(layer), what);
        Assert.That(e!.Kind, Is.EqualTo(ErrorKind.DataCorrupted), $"{what}: {e.Message}");
    }
}
