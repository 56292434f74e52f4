using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>What applying a layer costs in memory.</summary>
[RequiresRoot]
public sealed class LayerMemoryTests
{
    private const int Files = 50_000;

    // Without optimisation every asynchronous method makes an object of its state.
    private static readonly bool Optimised =
        !typeof(TarLayerApplier).Assembly.GetCustomAttributes<DebuggableAttribute>().Any(attribute => attribute.IsJITOptimizerDisabled);

    [Test]
    public async Task AnEntryCostsLessThanTwoHundredBytes()
    {
        byte[] few = Layer(1_000, 1), many = Layer(Files, 1);
        await AllocationAsync(few); // what is made once for all layers is no cost of an entry
        long perEntry = (await AllocationAsync(many) - await AllocationAsync(few)) / (Files - 1_000);
        TestContext.Out.WriteLine($"{perEntry} bytes per entry");
        Assert.That(perEntry, Is.LessThanOrEqualTo(Optimised ? 200 : 1500));
    }

    [Test]
    public async Task ALayerOfManyFilesFitsIntoLittleMemory()
    {
        using var scratch = new LayerScratch("/dev/shm");
        string file = Path.Join(scratch.Root, "layer");
        await File.WriteAllBytesAsync(file, CompressionTests.Gzip(Layer(Files, 500)));
        using Process child = LayerChild.Start("measure", scratch.Tree, file);
        string output = await child.StandardOutput.ReadToEndAsync();
        await child.WaitForExitAsync();
        Assert.That(child.ExitCode, Is.Zero, await child.StandardError.ReadToEndAsync());
        string peak = output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        TestContext.Out.WriteLine($"{peak} bytes above the idle process");
        Assert.That(long.Parse(peak, CultureInfo.InvariantCulture), Is.LessThan(64 << 20), output);
    }

    /// <summary>An entry that replaces another costs no memory that stays, however often that happens.</summary>
    [Test, CancelAfter(120_000)]
    public async Task HundredsOfThousandsOfEntriesOfOneName(CancellationToken cancellationToken)
    {
        const int Count = 200_000;
        using var scratch = new LayerScratch("/dev/shm");
        long before = GC.GetTotalAllocatedBytes(precise: true);
        LayerApplyResult result = await scratch.ApplyAsync(new RepeatedStream(TarForge.File("name", "x"), Count, TarForge.File("name", "last")), cancellationToken: cancellationToken);
        long perEntry = (GC.GetTotalAllocatedBytes(precise: true) - before) / Count;
        Assert.That(result.Entries, Is.EqualTo(Count + 1));
        Assert.That(TreeFile.ReadAll(scratch.Tree).Single().ToString(), Is.EqualTo("name=last"));
        Assert.That(perEntry, Is.LessThan(Optimised ? 300 : 2000));
    }

    private static async Task<long> AllocationAsync(byte[] layer)
    {
        using var scratch = new LayerScratch("/dev/shm");
        long before = GC.GetTotalAllocatedBytes(precise: true);
        await scratch.ApplyAsync(layer);
        return GC.GetTotalAllocatedBytes(precise: true) - before;
    }

    private static byte[] Layer(int files, int length)
    {
        var stream = new MemoryStream();
        for (int i = 0; i < files; i++)
        {
            var builder = new TarBuilder();
            if (i % 100 == 0)
                builder.Directory($"usr/lib/d{i / 100}");
            stream.Write(builder.File($"usr/lib/d{i / 100}/file-{i}", new string('x', length)).ToArrayWithoutEnd());
        }
        return stream.ToArray();
    }
}
