using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

public sealed class CompressionToolTests
{
    private static readonly byte[] Archive = CompressionRun.Sample((3 * GzipCompression.BlockLength) + 333);

    [RequiresProgram("gzip")]
    [RequiresProgram("pigz")]
    [RequiresProgram("igzip")]
    [TestCase("gzip")]
    [TestCase("pigz")]
    [TestCase("igzip")]
    public async Task GzipIsReadByOtherTools(string program)
    {
        using var scratch = new LayerScratch();
        foreach (byte[] archive in (byte[][])[[], [1], Archive])
        {
            foreach (int level in (int[])[0, 1, 6, 9])
            {
                File.WriteAllBytes(Path.Join(scratch.Root, "layer.gz"), await new GzipCompression().CompressAsync(archive, level));
                scratch.Run(program, "-t", "layer.gz");
                Assert.That(scratch.Run(program, "-dc", "layer.gz"), new SameBytes(archive), $"{archive.Length} bytes at level {level}");
            }
        }
    }

    [RequiresProgram("gzip")]
    [RequiresProgram("pigz")]
    [RequiresProgram("igzip")]
    [TestCase("gzip -1c a")]
    [TestCase("gzip -9c a")]
    [TestCase("gzip -c a a")]
    [TestCase("(gzip -c a; gzip -c /dev/null; gzip -nc a; head -c 700 /dev/zero)")]
    [TestCase("pigz -p 4 -c a")]
    [TestCase("pigz -p 4 -b 128 -i -c a")]
    [TestCase("pigz -p 2 -11 -I 1 -c b")]
    [TestCase("igzip -c a")]
    [TestCase("igzip -3 -c a")]
    [TestCase("split -b 65280 --filter='gzip -c' a")] // members of less than 64 KiB, as bgzip makes
    public async Task GzipOfOtherToolsIsRead(string command)
    {
        using var scratch = new LayerScratch();
        File.WriteAllBytes(Path.Join(scratch.Root, "a"), Archive);
        File.WriteAllBytes(Path.Join(scratch.Root, "b"), Archive[..100_000]);
        byte[] layer = scratch.Run("bash", "-ec", command);
        byte[] archive = await new GzipCompression().ExpandAsync(new MemoryStream(layer));
        byte[] expected = command.EndsWith(" b", StringComparison.Ordinal) ? Archive[..100_000]
            : command.Contains("a a", StringComparison.Ordinal) || command.StartsWith('(') ? [.. Archive, .. Archive]
            : Archive;
        Assert.That(archive, new SameBytes(expected));
    }

    [RequiresProgram("zstd")]
    [Test]
    public async Task ZstandardIsReadByItsTool()
    {
        using var scratch = new LayerScratch();
        foreach (byte[] archive in (byte[][])[[], [1], Archive, CompressionRun.Sample((2 * ZstandardCompression.BlockLength) + 1)])
        {
            File.WriteAllBytes(Path.Join(scratch.Root, "layer.zst"), await new ZstandardCompression().CompressAsync(archive));
            scratch.Run("zstd", "-t", "-q", "layer.zst");
            Assert.That(scratch.Run("zstd", "-dcq", "layer.zst"), new SameBytes(archive), $"{archive.Length} bytes");
        }
    }

    [RequiresProgram("zstd")]
    [TestCase("zstd -1qc a")]
    [TestCase("zstd -19qc a")]
    [TestCase("zstd --fast=5 -qc a")]
    [TestCase("zstd -T4 -B512K -qc a")]
    [TestCase("zstd --long=27 -qc a")]
    [TestCase("zstd --no-check -qc < a")]
    public async Task ZstandardOfItsToolIsRead(string command)
    {
        using var scratch = new LayerScratch();
        File.WriteAllBytes(Path.Join(scratch.Root, "a"), Archive);
        Assert.That(await new ZstandardCompression().ExpandAsync(new MemoryStream(scratch.Run("bash", "-ec", command))), new SameBytes(Archive));
    }

    [RequiresProgram("zstd")]
    [Test]
    public void WindowsBeyondTheBoundAreRefused()
    {
        using var scratch = new LayerScratch();
        byte[] layer = scratch.Run("bash", "-ec", "head -c 100000 /dev/zero | zstd --ultra --long=31 -qc");
        ContainerdException e = Assert.ThrowsAsync<ContainerdException>(() => new ZstandardCompression().ExpandAsync(new MemoryStream(layer)))!;
        Assert.That(e.Kind, Is.EqualTo(ErrorKind.DataCorrupted));
    }
}
