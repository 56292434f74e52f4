using ZstdSharp;

namespace Containerd.Snapshots.Tests;

/// <summary>Streams that are cut off or damaged at every offset.</summary>
public sealed class CompressionDamageTests
{
    [Test]
    public async Task EveryTruncationIsFound([Values] bool gzip)
    {
        ILayerCompression compression = gzip ? new GzipCompression() : new ZstandardCompression();
        byte[][] parts = gzip ? GzipMembers() : ZstandardFrames();
        byte[] layer = [.. parts.SelectMany(part => part)];
        // Between two parts a stream may end.
        var ends = parts.Select((_, i) => parts[..(i + 1)].Sum(part => part.Length)).ToHashSet();
        for (int length = 1; length < layer.Length; length++)
        {
            if (ends.Contains(length))
                await compression.ExpandAsync(new MemoryStream(layer, 0, length));
            else
                Expect(compression, layer[..length], $"{length} of {layer.Length}");
        }
    }

    [Test]
    public async Task NoChangedBitChangesTheArchive([Values] bool gzip)
    {
        ILayerCompression compression = gzip ? new GzipCompression() : new ZstandardCompression();
        byte[] layer = [.. (gzip ? GzipMembers() : ZstandardFrames()).SelectMany(part => part)];
        byte[] archive = await compression.ExpandAsync(new MemoryStream(layer));
        for (int bit = 0; bit < layer.Length * 8; bit++)
        {
            byte[] damaged = [.. layer];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            try
            {
                byte[] result = await compression.ExpandAsync(new MemoryStream(damaged));
                Assert.That(result, new SameBytes(archive), $"bit {bit}"); // in a field without meaning, such as the time
            }
            catch (ContainerdException e)
            {
                Assert.That(e.Kind, Is.EqualTo(ErrorKind.DataCorrupted), $"bit {bit}: {e.Message}");
            }
        }
    }

    [Test]
    public void GarbageBehindTheEndIsFound([Values] bool gzip, [Values(1, 3, 4, 5, 40, 70_000)] int length)
    {
        ILayerCompression compression = gzip ? new GzipCompression() : new ZstandardCompression();
        byte[] layer = (gzip ? GzipMembers() : ZstandardFrames())[0];
        byte[] garbage = new byte[length];
        Array.Fill(garbage, (byte)0xA5);
        Expect(compression, [.. layer, .. garbage], $"{length} bytes");
    }

    [TestCase("0300", true)]
    [TestCase("010000FFFF", true)]
    [TestCase("000000FFFF0300", true)]
    [TestCase("000000FFFF000000FFFF010000FFFF", true)]
    [TestCase("02080C20800003", false, Description = "goes on with other blocks")]
    public async Task MembersWithoutContentEndWhereTheirDataEnds(string deflate, bool valid)
    {
        byte[] header = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];
        byte[] empty = [.. header, .. Convert.FromHexString(deflate), .. new byte[8]];
        byte[] data = CompressionRun.Sample(40_000);
        byte[] layer = [.. CompressionTests.Gzip(data), .. empty, .. CompressionTests.Gzip(data), .. empty, .. new byte[20]];
        var compression = new GzipCompression();
        if (valid)
        {
            Assert.That(await compression.ExpandAsync(new TrickleStream(layer)), new SameBytes([.. data, .. data]));
            // What looks like a trailer further on is not taken for the member's.
            Expect(compression, [.. empty[..^1], 7, .. new byte[8]], "a wrong trailer before zeros");
            Expect(compression, [.. empty[..^8], 7, .. new byte[8], .. layer], "garbage in front of the trailer");
        }
        else
            Expect(compression, layer, deflate);
    }

    [Test]
    public void ADeclaredLengthIsNotBelieved()
    {
        // A frame of one segment that claims 2^60 bytes, and one whose window is the largest there can be.
        Expect(new ZstandardCompression(), [0x28, 0xB5, 0x2F, 0xFD, 0xE0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0, 0], "length");
        Expect(new ZstandardCompression(), [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xFF, 1, 0, 0], "window");
        // A skippable frame that is longer than the stream.
        Expect(new ZstandardCompression(), [0x50, 0x2A, 0x4D, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3], "skippable");
    }

    internal static byte[][] GzipMembers()
    {
        byte[] data = CompressionRun.Sample(1500);
        byte[] header = [0x1F, 0x8B, 8, 4 + 8 + 16 + 2, 1, 2, 3, 4, 0, 3, 3, 0, 1, 2, 3, .. "name\0"u8, .. "comment\0"u8];
        uint checksum = Crc32.Append(0, header);
        byte[] full = [.. header, (byte)checksum, (byte)(checksum >> 8), .. CompressionTests.Gzip(data[..300])[10..]];
        return [CompressionTests.Gzip(data), full, CompressionTests.Gzip([])];
    }

    internal static byte[][] ZstandardFrames()
    {
        byte[] data = CompressionRun.Sample(1500);
        byte[] skippable = [0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];
        using var compressor = new Compressor(3);
        compressor.SetParameter(ZstdSharp.Unsafe.ZSTD_cParameter.ZSTD_c_checksumFlag, 1);
        return [compressor.Wrap(data).ToArray(), skippable, compressor.Wrap(data.AsSpan(0, 300)).ToArray(), compressor.Wrap([]).ToArray()];
    }

    private static void Expect(ILayerCompression compression, byte[] layer, string what)
    {
        ContainerdException? e = Assert.ThrowsAsync<ContainerdException>(() => compression.ExpandAsync(new MemoryStream(layer)), what);
        Assert.That(e!.Kind, Is.EqualTo(ErrorKind.DataCorrupted), $"{what}: {e.Message}");
    }
}
