using Microsoft.Extensions.DependencyInjection;

namespace Containerd.Snapshots;

public class ServiceCollectionTests : StoreTest
{
    [Test]
    public void Services_are_registered_once_and_need_a_root()
    {
        var services = new ServiceCollection();
        services.AddContainerdSnapshots(options => options.Root = Root).AddContainerdSnapshots();
        Assert.That(services.Count(service => service.ServiceType == typeof(ISnapshotter)), Is.EqualTo(1));
        Assert.That(services.Count(service => service.ServiceType == typeof(IMounter)), Is.EqualTo(1));
    }
}
