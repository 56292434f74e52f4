using System.Diagnostics;
using System.Globalization;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>
/// Archives made wrong at random. A longer run: set <c>LAYER_FUZZ_ROUNDS</c>; the same or another one: <c>LAYER_FUZZ_SEED</c>. A failure names the seed and the
/// round, which together make the archive.
/// </summary>
[RequiresRoot]
public sealed class LayerFuzzTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20); // of one application that takes a millisecond, on a busy machine
    private const long MaxAllocation = 32 << 20;

    private static readonly int Rounds = Setting("LAYER_FUZZ_ROUNDS", 16_000);
    private static readonly int Seed = Setting("LAYER_FUZZ_SEED", 20_010_909);

    [Test]
    public async Task Archives([Values] bool confinedLookup, [Values] bool overlay)
    {
        byte[] seed = TarForge.EveryFeature();
        var limits = new LayerLimits { MaxExpandedBytes = 8 << 20, MaxEntries = 1000 };
        var applier = new TarLayerApplier(new TarLayerApplierOptions { Limits = limits, UseConfinedLookup = confinedLookup, Processors = overlay ? 1 : int.MaxValue });
        using var scratch = new LayerScratch("/dev/shm");
        string upper = Directory.CreateDirectory(Path.Join(scratch.Root, "upper")).FullName;
        var surroundings = new Surroundings(scratch);
        await scratch.ApplyAsync(seed);
        Mount mount = overlay
            ? new OverlayMount { LowerDirectories = [scratch.Tree], UpperDirectory = upper, WorkDirectory = Path.Join(scratch.Root, "work") }.ToMount()
            : Mount.Bind(scratch.Tree);
        int refused = 0, rounds = Rounds / 4;
        for (int round = 0; round < rounds; round++)
        {
            string what = $"seed {Seed}, round {round}";
            byte[] layer = new TarMutator(seed, new Random(HashCode(Seed + (confinedLookup ? 1 : 0) + (overlay ? 2 : 0), round))).Next();
            refused += await ApplyAsync(applier, layer, mount, what) ? 0 : 1;
            if (round % 250 == 0)
                surroundings.AreUntouched($"{what} or up to 250 before");
        }
        surroundings.AreUntouched();
        TestContext.Out.WriteLine($"{refused} of {rounds} refused");
        Assert.That(refused, Is.InRange(rounds / 10, rounds - (rounds / 20)), "mutations that are all refused, or all passed, test nothing");
    }

    [Test]
    public async Task CompressedArchives([Values("gzip", "zstd")] string format)
    {
        byte[] archive = TarForge.EveryFeature();
        byte[] seed = format == "gzip" ? CompressionTests.Gzip(archive) : CompressionTests.Zstandard(archive);
        var applier = new TarLayerApplier(new TarLayerApplierOptions { Limits = new LayerLimits { MaxExpandedBytes = 8 << 20 }, Processors = format == "gzip" ? 1 : int.MaxValue });
        using var scratch = new LayerScratch("/dev/shm");
        var surroundings = new Surroundings(scratch);
        int refused = 0, rounds = Rounds / 16;
        for (int round = 0; round < rounds; round++)
        {
            var random = new Random(HashCode(Seed, round));
            byte[] layer = [.. seed];
            for (int change = random.Next(1, 4); change > 0; change--)
                layer[random.Next(layer.Length)] ^= (byte)random.Next(1, 256);
            refused += await ApplyAsync(applier, random.Next(4) == 0 ? layer[..random.Next(layer.Length)] : layer, Mount.Bind(scratch.Tree), $"{format}, seed {Seed}, round {round}") ? 0 : 1;
        }
        surroundings.AreUntouched();
        Assert.That(refused, Is.GreaterThan(rounds / 2));
    }

    private static async Task<bool> ApplyAsync(TarLayerApplier applier, byte[] layer, Mount mount, string what)
    {
        var descriptor = new Descriptor { MediaType = MediaTypes.DockerLayer, Digest = Digest.Sha256("a layer"u8), Size = layer.Length };
        long start = Stopwatch.GetTimestamp(), allocated = GC.GetTotalAllocatedBytes();
        bool applied = true;
        try
        {
            await applier.ApplyAsync(descriptor, new MemoryStream(layer), [mount]);
        }
        catch (ContainerdException)
        {
            applied = false;
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{what}: not the exception of a wrong layer", e);
        }
        Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(Patience), what);
        Assert.That(GC.GetTotalAllocatedBytes() - allocated, Is.LessThan(MaxAllocation), what);
        return applied;
    }

    // The same everywhere and always, which System.HashCode is not.
    private static int HashCode(int seed, int round) => unchecked((seed * 486_187_739) + round);

    private static int Setting(string name, int value) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : value;
}
