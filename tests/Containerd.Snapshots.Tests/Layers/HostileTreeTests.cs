using System.Diagnostics;
using System.Reflection;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

[RequiresRoot]
public sealed class HostileTreeTests
{
    private const int Rounds = 50;

    /// <summary>Another thread swaps a directory and a link that leads outside, all the while.</summary>
    [Test]
    public async Task NothingIsWrittenOutsideWhileADirectoryIsSwapped([Values] bool confinedLookup, [Values("/dev/shm", null)] string? parent)
    {
        using var scratch = new LayerScratch(parent);
        string outside = Directory.CreateDirectory(Path.Join(scratch.Root, "outside")).FullName;
        Directory.CreateDirectory(Path.Join(outside, "sub"));
        File.WriteAllText(Path.Join(outside, "victim"), "untouched");
        string[] before = [.. TreeFile.ReadAll(outside).Select(file => $"{file} {file.Mode} {file.Uid} {file.ModifyTime}")];
        byte[] layer = Layer();
        using var stop = new CancellationTokenSource();
        Task<int> swapping = Task.Factory.StartNew(
            () => Swap(scratch.Tree, outside, stop.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        int applied = 0, refused = 0;
        var reasons = new HashSet<string>();
        // For some seconds, and however long a few rounds take on a busy machine.
        var clock = System.Diagnostics.Stopwatch.StartNew();
        while (clock.Elapsed < TimeSpan.FromSeconds(2) || applied + refused <= 5)
        {
            try
            {
                await scratch.ApplyAsync(layer, new TarLayerApplierOptions { UseConfinedLookup = confinedLookup });
                applied++;
            }
            catch (ContainerdException e)
            {
                refused++;
                reasons.Add($"{e.Kind} {e.Message.Split('\'')[0]}");
            }
        }
        await stop.CancelAsync();
        int swaps = await swapping;
        TestContext.Out.WriteLine($"{applied} applied, {refused} refused, {swaps} swaps; {string.Join("; ", reasons)}");
        Assert.That(TreeFile.ReadAll(outside).Select(file => $"{file} {file.Mode} {file.Uid} {file.ModifyTime}"), Is.EqualTo(before));
        Assert.That(swaps, Is.GreaterThan(100));
    }

    [Test]
    public async Task OverlayMarksHaveTheFormOfTheMount([Values] bool userXattr)
    {
        using var scratch = new LayerScratch();
        string upper = Directory.CreateDirectory(Path.Join(scratch.Root, "upper")).FullName;
        var overlay = new OverlayMount
        {
            LowerDirectories = [scratch.Tree],
            UpperDirectory = upper,
            WorkDirectory = Path.Join(scratch.Root, "work"),
            Options = userXattr ? ["userxattr"] : [],
        };
        byte[] layer = new TarBuilder().Directory("d").Opaque("d").File("gone").Whiteout("w").CharacterDevice("also", 0, 0).ToArray();
        var descriptor = new Descriptor { MediaType = MediaTypes.OciLayer, Digest = Digest.Sha256(layer), Size = layer.Length };
        LayerApplyResult result = await new TarLayerApplier().ApplyAsync(descriptor, new MemoryStream(layer), [overlay.ToMount()]);
        Assert.That(TarFormatTests.Xattrs(Path.Join(upper, "d")), Is.EqualTo((string[])[$"{(userXattr ? "user" : "trusted")}.overlay.opaque=79"]));
        Assert.That(TreeFile.ReadAll(upper).Select(file => file.ToString()), Is.EqualTo((string[])["c:also", "d/", "gone=", "c:w"]));
        Assert.That(result.DependsOnBase, Is.False);
    }

    [Test]
    public void MountsThatNeedAMounterAreRefusedWithoutOne()
    {
        var descriptor = new Descriptor { MediaType = MediaTypes.OciLayer, Digest = Digest.Sha256([]), Size = 0 };
        Mount mount = new() { Type = "tmpfs", Source = "tmpfs" };
        Assert.That(
            Assert.ThrowsAsync<ContainerdException>(() => new TarLayerApplier().ApplyAsync(descriptor, Stream.Null, [mount]))!.Kind,
            Is.EqualTo(ErrorKind.NotSupported));
    }

    [Test]
    public async Task ManySmallFilesCostLittleMemory()
    {
        const int Files = 20_000;
        var builder = new TarBuilder();
        for (int i = 0; i < Files; i++)
        {
            if (i % 100 == 0)
                builder.Directory($"d{i / 100}");
            builder.File($"d{i / 100}/file-{i}", "x");
        }
        byte[] layer = builder.ToArray();
        // What is made once for all layers is no cost of an entry.
        using (var first = new LayerScratch("/dev/shm"))
            await first.ApplyAsync(layer);
        using var scratch = new LayerScratch("/dev/shm");
        long before = GC.GetTotalAllocatedBytes(precise: true);
        await scratch.ApplyAsync(layer);
        long perEntry = (GC.GetTotalAllocatedBytes(precise: true) - before) / Files;
        TestContext.Out.WriteLine($"{perEntry} bytes per entry");
        // Without optimisation every asynchronous method makes an object of its state.
        bool optimised = !typeof(TarLayerApplier).Assembly.GetCustomAttributes<DebuggableAttribute>().Any(attribute => attribute.IsJITOptimizerDisabled);
        Assert.That(perEntry, Is.LessThan(optimised ? 300 : 1500));
    }

    private static byte[] Layer()
    {
        var layer = new TarBuilder().Directory("d").Directory("d/sub");
        for (int i = 0; i < Rounds; i++)
            layer.File($"d/f{i}", "evil").Directory($"d/sub/n{i}").SymbolicLink($"d/sub/l{i}", "x").File($"d/sub/n{i}/f").Whiteout("d/victim");
        layer.Opaque("d/sub");
        // Last, as one of these ends it all where its target is on the other side of the swap.
        for (int i = 0; i < Rounds; i++)
            layer.HardLink($"d/h{i}", $"d/f{i}", new TarEntryOptions { Mode = 0xFFF });
        return layer.ToArray();
    }

    private static int Swap(string tree, string outside, CancellationToken stop)
    {
        string directory = Path.Join(tree, "d"), aside = Path.Join(tree, "aside");
        int swaps = 0;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                Directory.Move(directory, aside);
                File.CreateSymbolicLink(directory, outside);
                swaps++;
                File.Delete(directory);
                Directory.Move(aside, directory);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The layer replaced one of the two meanwhile: start again from what is there.
                StartAgain(directory, aside);
            }
        }
        return swaps;
    }

    private static void StartAgain(string directory, string aside)
    {
        try
        {
            if (Directory.Exists(aside) && new DirectoryInfo(directory).LinkTarget is not null)
                File.Delete(directory);
            else if (Directory.Exists(aside))
                Directory.Delete(aside, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Changed once more: the next round looks again.
        }
    }
}
