using Containerd.Conformance;

namespace Containerd.Snapshots;

[TestFixture]
[RequiresRoot, RequiresFileSystem("btrfs"), RequiresProgram("mkfs.btrfs")]
public class BtrfsSnapshotterConformanceTests : SnapshotterConformance
{
    private FileSystemImage? _image;

    protected override string ParentDirectory => _image!.Path;

    [OneTimeSetUp]
    public void MountFileSystem() => _image = FileSystemImage.Make("btrfs");

    [OneTimeTearDown]
    public void UnmountFileSystem() => _image?.Dispose();

    protected override Task<ISnapshotter> CreateAsync(string root) => Task.FromResult<ISnapshotter>(new BtrfsSnapshotter(root));

    protected override IMounter CreateMounter() => new LinuxMounter();

    protected override ILayerApplier CreateApplier() => new TarLayerApplier();

    protected override Task CheckStoreAsync(ISnapshotter snapshotter) => StoreInvariants.AssertWholeAsync((LocalSnapshotter)snapshotter);

    // Committed subvolumes are read-only; all go with the image.
    protected override void DeleteDirectory(string directory)
    {
    }
}
