using Containerd.Conformance;

namespace Containerd.Snapshots;

[TestFixture(MountApi.Auto, Durability.Full, null)]
[TestFixture(MountApi.Descriptor, Durability.Relaxed, "tmpfs")]
[TestFixture(MountApi.Mount2, Durability.Relaxed, "tmpfs")]
[RequiresRoot, RequiresFileSystem("overlay")]
public class OverlaySnapshotterConformanceTests(MountApi api, Durability durability, string? fileSystem) : SnapshotterConformance
{
    private FileSystemImage? _image;

    protected override string ParentDirectory => _image?.Path ?? base.ParentDirectory;

    [OneTimeSetUp]
    public void MountFileSystem() => _image = fileSystem is null ? null : FileSystemImage.Make(fileSystem);

    [OneTimeTearDown]
    public void UnmountFileSystem() => _image?.Dispose();

    protected override Task<ISnapshotter> CreateAsync(string root) =>
        Task.FromResult<ISnapshotter>(new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = root, Durability = durability }));

    protected override IMounter CreateMounter() => new LinuxMounter(new LinuxMounterOptions { Api = api });

    protected override ILayerApplier CreateApplier() => new TarLayerApplier();

    protected override Task CheckStoreAsync(ISnapshotter snapshotter) => StoreInvariants.AssertWholeAsync((LocalSnapshotter)snapshotter);
}
