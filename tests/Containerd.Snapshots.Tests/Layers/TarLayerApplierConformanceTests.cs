using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

[TestFixture(LayerTreeForm.Bind, true, int.MaxValue)]
[TestFixture(LayerTreeForm.Bind, false, int.MaxValue)]
[TestFixture(LayerTreeForm.Overlay, true, int.MaxValue)]
[TestFixture(LayerTreeForm.Overlay, false, int.MaxValue)]
[TestFixture(LayerTreeForm.Overlay, true, 1)]
[TestFixture(LayerTreeForm.Mounted, true, int.MaxValue)]
public sealed class TarLayerApplierConformanceTests(LayerTreeForm form, bool confinedLookup, int processors) : LayerApplierConformance(form)
{
    protected override ILayerApplier CreateApplier() =>
        new TarLayerApplier(new TarLayerApplierOptions { UseConfinedLookup = confinedLookup, Processors = processors }, new LinuxMounter());
}
