using System.Diagnostics;
using System.Globalization;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>Another process swaps directories of the tree for links that lead outside, all the while a layer is applied.</summary>
[RequiresRoot]
public sealed class HostileTreeTests
{
    private const int Rounds = 50;
    private const int Swaps = 50_000, Applications = 20; // of each of the four cases

    [Test, CancelAfter(120_000)]
    public async Task NothingIsWrittenOutsideWhileDirectoriesAreSwapped([Values] bool confinedLookup, [Values] bool overlay)
    {
        using var scratch = new LayerScratch("/dev/shm");
        string upper = Directory.CreateDirectory(Path.Join(scratch.Root, "upper")).FullName;
        Directory.CreateDirectory(Path.Join(scratch.Root, "work"));
        var surroundings = new Surroundings(scratch);
        Mount mount = overlay
            ? new OverlayMount { LowerDirectories = [scratch.Tree], UpperDirectory = upper, WorkDirectory = Path.Join(scratch.Root, "work") }.ToMount()
            : Mount.Bind(scratch.Tree);
        byte[] layer = Layer();
        var applier = new TarLayerApplier(new TarLayerApplierOptions { UseConfinedLookup = confinedLookup });
        var descriptor = new Descriptor { MediaType = MediaTypes.OciLayer, Digest = Digest.Sha256(layer), Size = layer.Length };
        int applied = 0, refused = 0, swaps = 0;
        var reasons = new HashSet<string>();
        using Process swapping = LayerChild.Start("swap", overlay ? upper : scratch.Tree, surroundings.Outside);
        try
        {
            // The other process says how often it has swapped; until that is enough, layers are applied.
            Task<string?> line = swapping.StandardOutput.ReadLineAsync();
            while (swaps < Swaps || applied + refused < Applications)
            {
                try
                {
                    await applier.ApplyAsync(descriptor, new MemoryStream(layer), [mount]);
                    applied++;
                }
                catch (ContainerdException e)
                {
                    refused++;
                    reasons.Add($"{e.Kind} {e.Message.Split('\'')[0]}");
                }
                for (; line.IsCompleted; line = swapping.StandardOutput.ReadLineAsync())
                    swaps = int.Parse(await line ?? throw new InvalidOperationException(await swapping.StandardError.ReadToEndAsync()), CultureInfo.InvariantCulture);
            }
        }
        finally
        {
            swapping.Kill();
            await swapping.WaitForExitAsync();
        }
        TestContext.Out.WriteLine($"{applied} applied, {refused} refused, {swaps} swaps; {string.Join("; ", reasons)}");
        surroundings.AreUntouched();
    }

    private static byte[] Layer()
    {
        var layer = new TarBuilder().Directory("e");
        for (int i = 0; i < Rounds; i++)
        {
            layer.File($"d/f{i}", "evil").Directory($"d/sub/n{i}", new() { Mode = 0xFFF }).SymbolicLink($"e/sub/l{i}", "x").Fifo($"e/sub/p{i}", new() { Uid = 5 })
                .File($"e/sub/n{i}/f").Whiteout("d/victim").Whiteout("d/sub/victim").Whiteout("e/sub/victim").CharacterDevice($"e/sub/c{i}", 1, 3);
        }
        layer.Opaque("d/sub").Opaque("e/sub").Whiteout("d/sub").Directory("e/sub").Directory("d");
        // Last, as one of these ends it all where its target is on the other side of the swap.
        for (int i = 0; i < Rounds; i++)
            layer.HardLink($"d/h{i}", $"d/f{i}", new() { Mode = 0xFFF }).HardLink($"e/sub/h{i}", $"e/sub/p{i}", new() { Mode = 0xFFF });
        return layer.ToArray();
    }
}
