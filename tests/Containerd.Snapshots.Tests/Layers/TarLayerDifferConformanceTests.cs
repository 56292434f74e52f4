using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

[TestFixture(LayerTreeForm.Bind)]
[TestFixture(LayerTreeForm.Overlay)]
[TestFixture(LayerTreeForm.Mounted)]
public sealed class TarLayerDifferConformanceTests(LayerTreeForm form) : LayerDifferConformance(form)
{
    // An overlay on its own lower directory, and binds, are never mounted.
    protected override ILayerDiffer CreateDiffer() => new TarLayerDiffer(mounter: Form == LayerTreeForm.Mounted || TestContext.CurrentContext.Test.MethodName == nameof(WholeTrees) ? new LinuxMounter() : null);
}
