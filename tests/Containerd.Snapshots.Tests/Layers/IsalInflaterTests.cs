using System.IO.Compression;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>The inflater of ISA-L, which comes with the program that these tests ask for.</summary>
[RequiresProgram("igzip")]
public sealed class IsalInflaterTests
{
    [Test]
    public void It_is_found() => Assert.That(Interop.Isal.IsAvailable);

    [TestCase(1, 1)]
    [TestCase(9, 1)]
    [TestCase(5_000, 1)]
    [TestCase(5_000, 7)]
    [TestCase(70_000, 7)]
    [TestCase(70_000, 4_096)]
    [TestCase(3_000_000, 4_096)]
    [TestCase(3_000_000, 100_000)]
    public async Task It_gives_what_zlib_gives(int length, int piece)
    {
        byte[] archive = CompressionRun.Sample(length, seed: length);
        byte[] layer = [.. Gzip(archive, CompressionLevel.Optimal), .. Gzip(archive, CompressionLevel.NoCompression), .. Gzip(archive, CompressionLevel.Fastest), 0, 0];
        byte[] expected = [.. archive, .. archive, .. archive];
        Assert.That(await new GzipCompression(useIsal: true).ExpandAsync(new TrickleStream(layer, piece)), Is.EqualTo(expected));
        Assert.That(await new GzipCompression(useIsal: false).ExpandAsync(new TrickleStream(layer, piece)), Is.EqualTo(expected));
    }

    private static byte[] Gzip(byte[] archive, CompressionLevel level)
    {
        var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, level, leaveOpen: true))
            gzip.Write(archive);
        return compressed.ToArray();
    }
}
