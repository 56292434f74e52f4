using System.Diagnostics;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>One archive with everything in it, damaged at every place: it is refused or applied, and nothing else ever happens.</summary>
[RequiresRoot]
public sealed class DamagedArchiveTests
{
    private const int Workers = 4;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20); // of one application that takes a millisecond, on a busy machine

    [Test]
    public async Task TheArchiveItselfApplies([Values] bool confinedLookup)
    {
        byte[] archive = TarForge.EveryFeature();
        Assert.That(archive, Has.Length.LessThan(40 << 10));
        using var scratch = new LayerScratch("/dev/shm");
        var surroundings = new Surroundings(scratch);
        await scratch.ApplyAsync(archive, new() { UseConfinedLookup = confinedLookup });
        Assert.That(TreeFile.ReadAll(scratch.Tree), Has.Count.GreaterThan(20));
        surroundings.AreUntouched();
    }

    // The end may be missing where an entry ends, and the digest tells.
    [Test]
    public Task CutOffAtEveryOffset() => ApplyAllAsync(
        (archive, length) => archive[..length],
        mayPass: (archive, length) => length % TarBuilder.BlockLength == 0 || length > archive.Length - 1024 || IsPadding(archive, length));

    [Test]
    public Task ABitFlippedInEveryByte() => ApplyAllAsync(
        (archive, at) =>
        {
            byte[] mutant = [.. archive];
            mutant[at] ^= (byte)(1 << (at % 8));
            return mutant;
        },
        mayPass: (_, _) => true);

    // Headers with a wrong checksum are all refused at the door; with a right one every field is put to use.
    [Test]
    public Task ABitFlippedInEveryByteOfAHeaderBeneathARightChecksum() => ApplyAllAsync(
        (archive, at) =>
        {
            int block = at / TarBuilder.BlockLength * TarBuilder.BlockLength;
            if (at - block is >= 148 and < 156 || !archive.AsSpan(block + 154, 2).SequenceEqual("\0 "u8))
                return null;
            byte[] mutant = [.. archive];
            mutant[at] ^= (byte)(1 << ((at + 3) % 8));
            TarBuilder.Seal(mutant.AsSpan(block, TarBuilder.BlockLength));
            return mutant;
        },
        mayPass: (_, _) => true);

    private static async Task ApplyAllAsync(Func<byte[], int, byte[]?> damage, Func<byte[], int, bool> mayPass)
    {
        byte[] archive = TarForge.EveryFeature();
        Digest whole = Digest.Sha256(archive);
        var options = new TarLayerApplierOptions { Limits = new LayerLimits { MaxExpandedBytes = 16 << 20 } };
        int refused = 0, tried = 0;
        await Parallel.ForAsync(0, Workers, async (worker, cancellationToken) =>
        {
            using var scratch = new LayerScratch("/dev/shm");
            var surroundings = new Surroundings(scratch);
            for (int at = worker; at < archive.Length; at += Workers)
            {
                if (damage(archive, at) is not { } damaged)
                    continue;
                Interlocked.Increment(ref tried);
                long start = Stopwatch.GetTimestamp();
                try
                {
                    LayerApplyResult result = await scratch.ApplyAsync(new MemoryStream(damaged), options, cancellationToken);
                    Assert.That(mayPass(archive, at) && result.DiffId != whole, $"damaged at {at} it passed");
                }
                catch (ContainerdException)
                {
                    Interlocked.Increment(ref refused);
                }
                Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(Patience), $"damaged at {at}");
                if (at / Workers % 500 == 0)
                    surroundings.AreUntouched($"damaged at {at} or before");
            }
            surroundings.AreUntouched();
        });
        TestContext.Out.WriteLine($"{refused} of {tried} refused");
        Assert.That(refused, Is.GreaterThan(tried / 50));
    }

    // Whether all that is cut off of the last entry is the padding behind its content.
    private static bool IsPadding(byte[] archive, int length)
    {
        int end = (length + TarBuilder.BlockLength - 1) / TarBuilder.BlockLength * TarBuilder.BlockLength;
        return archive.AsSpan(length, end - length).IndexOfAnyExcept((byte)0) < 0;
    }
}
