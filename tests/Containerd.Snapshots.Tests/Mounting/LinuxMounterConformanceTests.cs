using Containerd.Conformance;

namespace Containerd.Snapshots;

[TestFixture(MountApi.Auto, false)]
[TestFixture(MountApi.Descriptor, false)]
[TestFixture(MountApi.Mount2, false)]
[TestFixture(MountApi.Auto, true)]
[TestFixture(MountApi.Mount2, true)]
[RequiresRoot, RequiresFileSystem("overlay")]
public class LinuxMounterConformanceTests(MountApi api, bool olderKernel) : MounterConformance
{
    protected override string? TemporaryDirectory => NewDirectory("temporary");

    protected override IMounter CreateMounter(TimeSpan busyTimeout) => new LinuxMounter(new LinuxMounterOptions
    {
        Api = api,
        BusyTimeout = busyTimeout,
        TemporaryDirectory = TemporaryDirectory,
    })
    {
        Limits = olderKernel
            ? new() { NewestOverlayForm = OverlayForm.OneValue, AttachesLayers = true, AttachesTrees = true, RestrictsOneByOne = true, ConfiguresLoopsInSteps = true }
            : KernelLimits.None,
    };
}
