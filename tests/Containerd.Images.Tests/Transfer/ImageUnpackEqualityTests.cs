using Containerd.Conformance;

namespace Containerd.Images.Tests;

/// <summary>What is unpacked side by side is what is unpacked one layer after the other.</summary>
[RequiresRoot, RequiresFileSystem("overlay")]
public sealed class ImageUnpackEqualityTests
{
    private const int Images = 40;

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    [TestCase(4)]
    public async Task RandomImagesAreTheSame(int seed)
    {
        await using var bed = new UnpackBed();
        await using var plain = UnpackBed.OpenSnapshots("overlay", bed.SnapshotRoot + "-sequential");
        var sequential = new WrappedSnapshotter(plain) { Capabilities = SnapshotterCapabilities.None };
        var random = new Random(seed);
        int unpacked = 0;
        for (int i = 0; i < Images; i++)
        {
            int layers = random.Next(2, 6), layersSeed = random.Next();
            Image image = await bed.AddAsync(new RandomLayers(layersSeed).Next(layers));
            (ErrorKind? expectedFailure, string[] expected, _) = await OutcomeAsync(bed, image, sequential);
            (ErrorKind? failure, string[] found, string message) = await OutcomeAsync(bed, image, bed.Snapshots);
            Assert.That(failure, Is.EqualTo(expectedFailure), $"seed {layersSeed}, {layers} layers");
            Assert.That(found, Is.EqualTo(expected), $"seed {layersSeed}, {layers} layers");
            if (failure is null)
                unpacked++;
            else
                Assert.That(failure, Is.EqualTo(ErrorKind.InvalidArgument), $"of a path through a file, or a link to nothing; seed {layersSeed}, {layers} layers: {message}");
        }
        Assert.That(unpacked, Is.GreaterThan(Images / 4), "many of them are good ones");
    }

    private static async Task<(ErrorKind? Failure, string[] Tree, string Message)> OutcomeAsync(UnpackBed bed, Image image, ISnapshotter snapshotter)
    {
        try
        {
            string top = await bed.Images.UnpackAsync(image, snapshotter, bed.Applier);
            return (null, Describe(await bed.ReadAsync(snapshotter, top)), "");
        }
        catch (ContainerdException e)
        {
            return (e.Kind, [], e.Message);
        }
    }

    // Without the times of directories: making what is in it changes that of a directory that no entry describes.
    private static string[] Describe(IReadOnlyList<TreeFile> tree)
    {
        Dictionary<ulong, string> first = tree.Where(file => file.Type != 'd').GroupBy(file => file.Inode).ToDictionary(group => group.Key, group => group.First().Path);
        return [.. tree.Select(file =>
        {
            string rest = file.Type == 'd' ? "" : $"{file.ModifyTime} {file.Links} {first[file.Inode]}";
            return $"{file} {Convert.ToString(file.Mode, 8)} {file.Uid}:{file.Gid} {rest}";
        })];
    }
}
