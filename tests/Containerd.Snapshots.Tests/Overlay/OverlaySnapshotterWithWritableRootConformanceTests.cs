using Containerd.Conformance;

namespace Containerd.Snapshots;

[RequiresRoot, RequiresFileSystem("overlay")]
public class OverlaySnapshotterWithWritableRootConformanceTests : SnapshotterConformance
{
    protected override Task<ISnapshotter> CreateAsync(string root) => Task.FromResult<ISnapshotter>(
        new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = root, WritableRoot = root + "-writable", Durability = Durability.Relaxed }));

    protected override IMounter CreateMounter() => new LinuxMounter();

    protected override ILayerApplier CreateApplier() => new TarLayerApplier();

    protected override Task CheckStoreAsync(ISnapshotter snapshotter) => StoreInvariants.AssertWholeAsync((LocalSnapshotter)snapshotter);
}
