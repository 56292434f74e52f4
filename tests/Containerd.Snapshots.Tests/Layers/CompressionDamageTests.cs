using System.Buffers.Binary;
using ZstdSharp;

namespace Containerd.Snapshots.Tests;

/// <summary>Streams that are cut off or damaged at every offset.</summary>
public sealed class CompressionDamageTests
{
    public static byte[][] PartsOf(BuiltInCompression kind) => kind == BuiltInCompression.Zstandard ? ZstandardFrames() : GzipMembers();

    [Test]
    public async Task EveryTruncationIsFound([Values] BuiltInCompression kind)
    {
        ILayerCompression compression = CompressionRun.Make(kind);
        byte[][] parts = PartsOf(kind);
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
    public async Task NoChangedBitChangesTheArchive([Values] BuiltInCompression kind)
    {
        ILayerCompression compression = CompressionRun.Make(kind);
        byte[] layer = [.. PartsOf(kind).SelectMany(part => part)];
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
    public void GarbageBehindTheEndIsFound([Values] BuiltInCompression kind, [Values(1, 3, 4, 5, 40, 70_000)] int length)
    {
        ILayerCompression compression = CompressionRun.Make(kind);
        byte[] layer = PartsOf(kind)[0];
        byte[] garbage = new byte[length];
        Array.Fill(garbage, (byte)0xA5);
        Expect(compression, [.. layer, .. garbage], $"{length} bytes");
    }

    /// <summary>A stored block that holds the trailer of its own member, and behind that another member: only what stands behind the block's end is a trailer.</summary>
    [Test]
    public async Task ATrailerWithinAMemberDoesNotEndIt([Values] bool useIsal, [Values(100, 5_000, 40_000)] int length)
    {
        const uint Checksum = 0x12345678;
        byte[] hidden = CompressionTests.Gzip("hidden"u8.ToArray()), following = CompressionTests.Gzip("following"u8.ToArray());
        // Whoever goes on behind the false trailer takes the rest of this member, and the header of the next, for an extra field.
        byte[] extra = [0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 255, 4 + 8 + 10, 0];
        byte[] trailer = new byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(trailer, Checksum);
        BinaryPrimitives.WriteInt32LittleEndian(trailer.AsSpan(4), length + trailer.Length + hidden.Length + extra.Length + 4);
        byte[] content = WithChecksum([.. CompressionRun.Sample(length), .. trailer, .. hidden, .. extra], Checksum);
        byte[] stored = [1, (byte)content.Length, (byte)(content.Length >> 8), (byte)~content.Length, (byte)(~content.Length >> 8)];
        byte[] layer = [.. (ReadOnlySpan<byte>)[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255], .. stored, .. content, .. trailer, .. following];
        var compression = new GzipCompression(useIsal);
        Assert.That(await compression.ExpandAsync(new MemoryStream(layer)), new SameBytes([.. content, .. "following"u8]));
        Assert.That(await compression.ExpandAsync(new TrickleStream(layer)), new SameBytes([.. content, .. "following"u8]));
        layer[^(following.Length + 8)] ^= 1;
        Expect(compression, layer, "the false trailer in place of the true one");
    }

    [TestCase("0300", true)]
    [TestCase("010000FFFF", true)]
    [TestCase("000000FFFF0300", true)]
    [TestCase("000000FFFF000000FFFF010000FFFF", true)]
    [TestCase("02080C20800003", false, Description = "goes on with other blocks")]
    [TestCase("05C0810800000000A0FDA93F", true, Description = "a code of its own")]
    public async Task MembersWithoutContentEndWhereTheirDataEnds(string deflate, bool valid)
    {
        foreach (bool useIsal in (bool[])[true, false])
            await MembersWithoutContentEndWhereTheirDataEnds(new GzipCompression(useIsal), deflate, valid);
    }

    private static async Task MembersWithoutContentEndWhereTheirDataEnds(GzipCompression compression, string deflate, bool valid)
    {
        byte[] header = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];
        byte[] empty = [.. header, .. Convert.FromHexString(deflate), .. new byte[8]];
        byte[] data = CompressionRun.Sample(40_000);
        byte[] layer = [.. CompressionTests.Gzip(data), .. empty, .. CompressionTests.Gzip(data), .. empty, .. new byte[20]];
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

    /// <summary>Appends the four bytes that give data a checksum: each step of it can be taken back.</summary>
    private static byte[] WithChecksum(byte[] data, uint checksum)
    {
        uint[] table = [.. Enumerable.Range(0, 256).Select(value => Crc32.AppendTable((uint)value, [0]))]; // of a state of one byte
        Span<byte> steps = stackalloc byte[4];
        uint state = ~checksum;
        for (int i = 3; i >= 0; i--)
        {
            steps[i] = (byte)Array.FindIndex(table, entry => entry >> 24 == state >> 24);
            state = (state ^ table[steps[i]]) << 8;
        }
        state = ~Crc32.Append(0, data);
        byte[] end = new byte[4];
        for (int i = 0; i < 4; i++)
        {
            end[i] = (byte)(state ^ steps[i]);
            state = table[steps[i]] ^ (state >> 8);
        }
        return [.. data, .. end];
    }

    private static void Expect(ILayerCompression compression, byte[] layer, string what)
    {
        ContainerdException? e = Assert.ThrowsAsync<ContainerdException>(() => compression.ExpandAsync(new MemoryStream(layer)), what);
        Assert.That(e!.Kind, Is.EqualTo(ErrorKind.DataCorrupted), $"{what}: {e.Message}");
    }
}
