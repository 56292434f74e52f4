using Containerd.Conformance;

namespace Containerd.Snapshots;

[TestFixture(MountApi.Auto, Durability.Full)]
[TestFixture(MountApi.Mount2, Durability.Relaxed)]
[RequiresRoot, RequiresFileSystem("overlay")]
public class OverlaySnapshotterConformanceTests(MountApi api, Durability durability) : SnapshotterConformance
{
    protected override Task<ISnapshotter> CreateAsync(string root) => 
        Task.FromResult<ISnapshotter>(new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = root, Durability = durability }));

    protected override IMounter CreateMounter() => new LinuxMounter(new LinuxMounterOptions { Api = api });
}
