using System.Diagnostics;
using System.Globalization;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>The layer between two trees, applied to the one, makes the other: for thousands of random trees and changes.</summary>
[RequiresRoot]
[RequiresFileSystem("overlay")]
public sealed class LayerRoundTripTests
{
    private static readonly LayerDiffOptions Uncompressed = new() { MediaType = MediaTypes.OciLayer };

    private readonly LinuxMounter _mounter = new();
    private readonly FileTreeCopier _copier = new(new FileTreeCopierOptions { Parallelism = 1 });
    private string _scratch = "";
    private int _places;

    [SetUp]
    public void MakeScratch() => _scratch = Directory.CreateTempSubdirectory("round-").FullName;

    [TearDown]
    public void RemoveScratch()
    {
        using Process removal = Process.Start("rm", ["-rf", "--one-file-system", _scratch]); // the BCL cannot delete the longest paths
        removal.WaitForExit();
        Assert.That(removal.ExitCode, Is.Zero);
    }

    [Test]
    public async Task Whole_trees([Range(0, 3)] int batch)
    {
        for (int seed = batch * 250; seed < (batch + 1) * 250; seed++)
        {
            string tree = NewPlace();
            new RandomChanges(seed).Apply(tree, 25);
            Expect(await ApplyAsync(await DiffAsync([], [Mount.Bind(tree)]), [Mount.Bind(NewPlace())]), TreeText.Of(tree), seed);
            Clear();
        }
    }

    [Test]
    public async Task Two_trees([Range(0, 3)] int batch)
    {
        for (int seed = batch * 250; seed < (batch + 1) * 250; seed++)
        {
            var changes = new RandomChanges(seed);
            string lower = NewPlace(), upper = NewPlace(), applied = NewPlace();
            changes.Apply(lower, 25);
            await CopyAsync(lower, upper);
            await CopyAsync(lower, applied);
            changes.Apply(upper, 12);
            Expect(await ApplyAsync(await DiffAsync([Mount.Bind(lower)], [Mount.Bind(upper)]), [Mount.Bind(applied)]), TreeText.Of(upper), seed);
            Clear();
        }
    }

    /// <summary>The name of a whiteout is longer than that of what it removes, which had the longest path there is.</summary>
    [Test]
    public async Task The_longest_paths_that_go()
    {
        string lower = NewPlace(), upper = NewPlace(), applied = NewPlace();
        string way = string.Concat(Enumerable.Repeat(new string('d', 200) + "/", 20)), leaf = new('f', 4095 - way.Length);
        byte[] with = new TarBuilder().File(way + "keep").File(way + leaf).ToArray(), without = new TarBuilder().File(way + "keep").ToArray();
        await ApplyAsync(with, [Mount.Bind(lower)]);
        await ApplyAsync(with, [Mount.Bind(applied)]);
        await ApplyAsync(without, [Mount.Bind(upper)]);
        await ApplyAsync(await DiffAsync([Mount.Bind(lower)], [Mount.Bind(upper)]), [Mount.Bind(applied)]);
        Assert.That(TreeText.Of(applied), Is.EqualTo(TreeText.Of(upper)));
    }

    [TestCase("", "")]
    [TestCase("redirect_dir=on,metacopy=on", "redirect_dir=on,metacopy=on")]
    [TestCase("redirect_dir=on", "")]
    public async Task Overlays(string lowerOptions, string options)
    {
        for (int seed = 0; seed < 150; seed++)
        {
            var changes = new RandomChanges(seed);
            string bottom = NewPlace();
            changes.Apply(bottom, 25);
            OverlayMount first = OverlayOn([bottom], lowerOptions);
            ChangeIn(first, changes);
            OverlayMount second = OverlayOn([first.UpperDirectory!, bottom], options);
            string expected = ChangeIn(second, changes);

            // Onto the same layers, and onto a copy of what they show.
            IReadOnlyList<Mount> lower = [(second with { UpperDirectory = null, WorkDirectory = null }).ToMount()];
            byte[] layer = await DiffAsync(lower, [second.ToMount()]);
            if (lowerOptions.Length == 0)
                Expect(await ApplyAsync(layer, [OverlayOn(second.LowerDirectories, options).ToMount()]), expected, seed);
            string copy = NewPlace();
            using (IDetachedMount view = _mounter.MountDetached(lower))
                await CopyAsync(view.Path + "/", copy);
            Expect(await ApplyAsync(layer, [Mount.Bind(copy)]), expected, seed);

            // The whole of it.
            Expect(await ApplyAsync(await DiffAsync([], [second.ToMount()]), [Mount.Bind(NewPlace())]), expected, seed);
            Clear();
        }
    }

    private OverlayMount OverlayOn(IReadOnlyList<string> lower, string options) => new()
    {
        LowerDirectories = [.. lower],
        UpperDirectory = NewPlace(),
        WorkDirectory = NewPlace(),
        Options = [.. options.Split(',', StringSplitOptions.RemoveEmptyEntries), "index=off"],
    };

    private string ChangeIn(OverlayMount overlay, RandomChanges changes)
    {
        using IDetachedMount mounted = _mounter.MountDetached([overlay.ToMount()]);
        changes.Apply(mounted.Path, 12);
        return TreeText.Of(mounted.Path);
    }

    private async Task<byte[]> DiffAsync(IReadOnlyList<Mount> lower, IReadOnlyList<Mount> upper)
    {
        using var layer = new MemoryStream();
        await new TarLayerDiffer(mounter: _mounter).DiffAsync(lower, upper, layer, Uncompressed);
        return layer.ToArray();
    }

    private async Task<string> ApplyAsync(byte[] layer, IReadOnlyList<Mount> mounts)
    {
        var descriptor = new Descriptor { MediaType = MediaTypes.OciLayer, Digest = Digest.Sha256(layer), Size = layer.Length };
        await new TarLayerApplier().ApplyAsync(descriptor, new MemoryStream(layer), mounts);
        using IDetachedMount mounted = _mounter.MountDetached(mounts);
        return TreeText.Of(mounted.Path);
    }

    private Task<FileTreeCopyProgress> CopyAsync(string from, string to) => _copier.CopyAsync(from, to, new FileTreeCopyOptions { Mirror = true });

    private string NewPlace() => Directory.CreateDirectory(Path.Join(_scratch, (++_places).ToString(CultureInfo.InvariantCulture))).FullName;

    private void Clear()
    {
        foreach (string place in Directory.EnumerateDirectories(_scratch))
            Directory.Delete(place, recursive: true);
    }

    private static void Expect(string found, string expected, int seed)
    {
        if (found != expected)
            Assert.That(found.Split('\n'), Is.EqualTo(expected.Split('\n')), $"seed {seed}");
    }
}
