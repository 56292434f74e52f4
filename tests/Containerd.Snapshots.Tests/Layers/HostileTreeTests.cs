using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

[RequiresRoot]
public sealed class HostileTreeTests
{
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
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        Task<int> swapping = Task.Run(() => Swap(scratch.Tree, outside, stop.Token));
        int applied = 0, refused = 0;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await scratch.ApplyAsync(layer, new TarLayerApplierOptions { UseConfinedLookup = confinedLookup });
                applied++;
            }
            catch (ContainerdException)
            {
                refused++;
            }
        }
        int swaps = await swapping;
        TestContext.Out.WriteLine($"{applied} applied, {refused} refused, {applied * 120} entries, {swaps} swaps");
        Assert.That(TreeFile.ReadAll(outside).Select(file => $"{file} {file.Mode} {file.Uid} {file.ModifyTime}"), Is.EqualTo(before));
        Assert.That(swaps, Is.GreaterThan(100));
        Assert.That(applied, Is.GreaterThan(0));
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
        using var scratch = new LayerScratch("/dev/shm");
        long before = GC.GetTotalAllocatedBytes(precise: true);
        await scratch.ApplyAsync(layer);
        long perEntry = (GC.GetTotalAllocatedBytes(precise: true) - before) / Files;
        TestContext.Out.WriteLine($"{perEntry} bytes per entry");
        Assert.That(perEntry, Is.LessThan(300));
    }

    private static byte[] Layer()
    {
        var layer = new TarBuilder().Directory("d").Directory("d/sub");
        for (int i = 0; i < 23; i++)
        {
            layer.File($"d/f{i}", "evil").Directory($"d/sub/n{i}").SymbolicLink($"d/sub/l{i}", "x")
                .HardLink($"d/h{i}", $"d/f{i}", new TarEntryOptions { Mode = 0xFFF }).Whiteout("d/victim");
        }
        return layer.Opaque("d/sub").ToArray();
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
            catch (IOException)
            {
                // The layer replaced one of the two meanwhile: start again from what is there.
                if (Directory.Exists(aside) && new DirectoryInfo(directory).LinkTarget is not null)
                    File.Delete(directory);
                else if (Directory.Exists(aside))
                    Directory.Delete(aside, recursive: true);
            }
        }
        return swaps;
    }
}
