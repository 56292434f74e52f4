using Containerd.Conformance;

namespace Containerd.Snapshots;

[TestFixture(MountApi.Auto)]
[TestFixture(MountApi.Mount2)]
[RequiresRoot, RequiresFileSystem("overlay")]
public class OverlaySnapshotterConformanceTests(MountApi api) : SnapshotterConformance
{
    protected override Task<ISnapshotter> CreateAsync(string root) => Task.FromResult<ISnapshotter>(new OverlaySnapshotter(root));

    protected override IMounter CreateMounter() => new LinuxMounter(new LinuxMounterOptions { Api = api });
}
