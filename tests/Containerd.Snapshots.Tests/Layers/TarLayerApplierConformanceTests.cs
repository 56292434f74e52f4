using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

[TestFixture(LayerTreeForm.Bind, true)]
[TestFixture(LayerTreeForm.Bind, false)]
[TestFixture(LayerTreeForm.Overlay, true)]
[TestFixture(LayerTreeForm.Overlay, false)]
[TestFixture(LayerTreeForm.Mounted, true)]
public sealed class TarLayerApplierConformanceTests(LayerTreeForm form, bool confinedLookup) : LayerApplierConformance(form)
{
    protected override ILayerApplier CreateApplier() => 
        new TarLayerApplier(new TarLayerApplierOptions { UseConfinedLookup = confinedLookup }, new LinuxMounter());
}
