using System.Buffers.Binary;

namespace Containerd.Snapshots.Tests;

/// <summary>Random damage, the same in every run: a layer is expanded within the limits or refused, and nothing else happens.</summary>
public sealed class CompressionFuzzTests
{
    private const int Inputs = 10_000;
    private static readonly TarLayerApplierOptions Options = new()
    {
        Limits = new LayerLimits { MaxExpandedBytes = 1 << 20, ExpansionRatioFloorBytes = 64 << 10, MaxExpansionRatio = 100 },
    };

    [Test]
    public async Task DamagedStreamsAreExpandedWithinTheLimitsOrRefused([Values] BuiltInCompression kind)
    {
        ILayerCompression compression = CompressionRun.Make(kind);
        byte[][] corpus = Corpus(compression, CompressionDamageTests.PartsOf(kind));
        TarLayerApplierOptions options = Options with { Compressions = [compression, new NoCompression()] };
        var random = new Random(kind == BuiltInCompression.Zstandard ? 12 : 11);
        int refused = 0, expanded = 0;
        for (int i = 0; i < Inputs; i++)
        {
            byte[] layer = Mutate(corpus, random);
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            try
            {
                var pipeline = new LayerPipeline(new MemoryStream(layer), MediaTypes.DockerLayer, options, new LayersInWork(processors: i % 2 == 0 ? 1 : int.MaxValue), null, limit.Token);
                await using (pipeline)
                {
                    (_, long size) = await pipeline.FinishAsync(limit.Token);
                    Assert.That(size, Is.LessThanOrEqualTo(Options.Limits.MaxExpandedBytes), $"input {i}");
                }
                expanded++;
            }
            catch (ContainerdException e) when (e.Kind is ErrorKind.DataCorrupted or ErrorKind.ResourceExhausted)
            {
                refused++;
            }
            catch (Exception e)
            {
                throw new AssertionException($"Input {i}, {Convert.ToHexString(layer)}: {e}");
            }
        }
        Assert.That(refused, Is.GreaterThan(Inputs / 4), "inputs refused");
        Assert.That(expanded, Is.GreaterThan(Inputs / 50), "inputs expanded"); // some damage does not matter, or makes a plain archive of it
    }

    private static byte[][] Corpus(ILayerCompression compression, byte[][] parts)
    {
        byte[] Compress(byte[] archive) => compression.CompressAsync(archive).GetAwaiter().GetResult();
        return [.. parts, [.. parts.SelectMany(part => part)], Compress([]), Compress(new byte[200_000]), Compress(CompressionRun.Sample(5000, 7)), Compress(new byte[2 << 20])];
    }

    private static byte[] Mutate(byte[][] corpus, Random random)
    {
        byte[] layer = [.. corpus[random.Next(corpus.Length)]];
        for (int times = random.Next(1, 4); times > 0 && layer.Length > 0; times--)
        {
            int at = random.Next(layer.Length);
            switch (random.Next(7))
            {
                case 0:
                    layer[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    layer[at] = (byte)random.Next(256);
                    break;
                case 2:
                    layer = layer[..at];
                    break;
                case 3:
                    layer = [.. layer[..at], .. layer[Math.Min(layer.Length, at + random.Next(20))..]];
                    break;
                case 4:
                    byte[] other = corpus[random.Next(corpus.Length)];
                    layer = [.. layer[..at], .. other[random.Next(other.Length)..]];
                    break;
                case 5:
                    byte[] noise = new byte[random.Next(40)];
                    random.NextBytes(noise);
                    layer = [.. layer[..at], .. noise, .. layer[at..]];
                    break;
                default: // a length that lies
                    if (layer.Length >= 4)
                        BinaryPrimitives.WriteUInt32LittleEndian(layer.AsSpan(Math.Min(at, layer.Length - 4)), (uint)(0xFFFFFFFF >> random.Next(32)));
                    break;
            }
        }
        return layer;
    }
}
