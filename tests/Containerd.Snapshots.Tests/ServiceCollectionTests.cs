using Microsoft.Extensions.DependencyInjection;

namespace Containerd.Snapshots;

public class ServiceCollectionTests : StoreTest
{
    [Test]
    public async Task Services_are_the_overlay_snapshotter_and_the_linux_mounter()
    {
        ServiceProvider services = new ServiceCollection()
            .AddContainerdSnapshots(options => options.Root = Root)
            .AddContainerdSnapshots()
            .BuildServiceProvider();
        ISnapshotter snapshotter = services.GetRequiredService<ISnapshotter>();
        Assert.That(services.GetServices<ISnapshotter>(), Is.EqualTo(new[] { snapshotter }));
        Assert.That(snapshotter, Is.InstanceOf<OverlaySnapshotter>().And.SameAs(services.GetRequiredService<LocalSnapshotter>()));
        Assert.That(services.GetRequiredService<IMounter>(), Is.InstanceOf<LinuxMounter>());
        Assert.That(services.GetRequiredService<ILayerDiffer>(), Is.InstanceOf<TarLayerDiffer>().And.SameAs(services.GetRequiredService<ILayerDiffer>()));
        Assert.That(await snapshotter.PrepareAsync("key"), Has.Count.EqualTo(1));
        await services.DisposeAsync();
        Assert.That(async () => await snapshotter.FindAsync("key"), Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public async Task A_registration_of_the_hosts_own_stays()
    {
        var own = new LinuxMounter();
        await using ServiceProvider services = new ServiceCollection().AddSingleton<IMounter>(own).AddContainerdSnapshots().BuildServiceProvider();
        Assert.That(services.GetRequiredService<IMounter>(), Is.SameAs(own));
        Assert.That(() => services.GetRequiredService<ISnapshotter>(), Throws.InstanceOf<ArgumentException>(), "a root has to be given");
    }
}
