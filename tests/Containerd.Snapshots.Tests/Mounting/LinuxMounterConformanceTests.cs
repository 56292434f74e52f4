using Containerd.Conformance;

namespace Containerd.Snapshots;

[TestFixture(MountApi.Auto)]
[TestFixture(MountApi.Descriptor)]
[TestFixture(MountApi.Mount2)]
[RequiresRoot, RequiresFileSystem("overlay")]
public class LinuxMounterConformanceTests(MountApi api) : MounterConformance
{
    protected override bool CanDetach => api != MountApi.Mount2;

    protected override IMounter CreateMounter() => new LinuxMounter(new LinuxMounterOptions { Api = api, BusyTimeout = TimeSpan.FromSeconds(1) });
}
