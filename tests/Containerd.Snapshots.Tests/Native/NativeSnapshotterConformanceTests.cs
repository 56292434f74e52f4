using Containerd.Conformance;

namespace Containerd.Snapshots;

[TestFixture("tmpfs", Durability.Relaxed)]
[RequiresRoot]
public class NativeSnapshotterConformanceTests(string fileSystem, Durability durability) : SnapshotterConformance
{
    private FileSystemImage? _image;

    protected override string ParentDirectory => _image!.Path;

    [OneTimeSetUp]
    public void MountFileSystem() => _image = FileSystemImage.Make(fileSystem);

    [OneTimeTearDown]
    public void UnmountFileSystem() => _image?.Dispose();

    protected override Task<ISnapshotter> CreateAsync(string root) =>
        Task.FromResult<ISnapshotter>(new NativeSnapshotter(new LocalSnapshotterOptions { Root = root, Durability = durability }));

    protected override IMounter CreateMounter() => new LinuxMounter();

    protected override ILayerApplier CreateApplier() => new TarLayerApplier();

    protected override Task CheckStoreAsync(ISnapshotter snapshotter) => StoreInvariants.AssertWholeAsync((LocalSnapshotter)snapshotter);
}
