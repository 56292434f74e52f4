using System.Net;
using System.Text.Json;
using Containerd.Conformance;
using Microsoft.Extensions.DependencyInjection;

namespace Containerd.Network.Tests;

[TestFixture]
[RequiresRoot]
public sealed class VethAttacherTests
{
    private NetworkSandbox _sandbox = null!;

    private NetworkLinks HostLinks => _sandbox.LeftClient.Links;

    [SetUp]
    public async Task SetUpAsync()
    {
        _sandbox = await NetworkSandbox.CreateAsync();
        await HostLinks.CreateBridgeAsync(new Bridge("br0"));
        await _sandbox.LeftClient.Addresses.AddAsync("br0", InterfaceAddress.Parse("10.50.0.1/24"));
    }

    [TearDown]
    public async Task TearDownAsync() => await _sandbox.DisposeAsync();

    private VethAttacher Attacher(params string[] addresses) => new(_sandbox.LeftClient, new VethAttacherOptions
    {
        Bridge = "br0",
        Mtu = 1400,
        Endpoint = (_, _) => ValueTask.FromResult(new VethEndpoint
        {
            Addresses = [.. addresses.Select(text => InterfaceAddress.Parse(text))],
            Routes = [Route.DefaultVia(IPAddress.Parse("10.50.0.1"))],
        }),
    });

    [Test]
    [RequiresProgram("nsenter")]
    [RequiresProgram("busybox")]
    public async Task An_attached_container_reaches_the_bridge_by_its_default_route()
    {
        NetworkAttachment attachment = await Attacher("10.50.0.2/24", "fd00:50::2/64").AttachAsync("job-1", _sandbox.Right.Path, default);

        NetworkInterface made = attachment.Interfaces.Single();
        Link inside = await _sandbox.RightClient.Links.GetAsync("eth0");
        Assert.That(made, Has.Property("Name").EqualTo("eth0").And.Property("Mtu").EqualTo(1400));
        Assert.That(made.Addresses, Is.EqualTo(new[] { "10.50.0.2/24", "fd00:50::2/64" }));
        Assert.That(made.HardwareAddress!.Replace(":", "", StringComparison.Ordinal), Is.EqualTo(inside.HardwareAddress!.ToString()).IgnoreCase);
        Link host = (await HostLinks.ListAsync(kind: "veth", master: "br0")).Single();
        Assert.That(host, Has.Property("Alias").EqualTo("job-1/eth0").And.Property("Group").EqualTo(LinkDefinition.DefaultGroup));
        (int exit, string output) = await NetworkSandbox.RunInAsync(_sandbox.Right, "busybox", "ping", "-c", "2", "-W", "3", "10.50.0.1");
        Assert.That(exit, Is.Zero, output);
    }

    [Test]
    public async Task Detaching_works_from_stored_text_twice_and_by_another_attacher()
    {
        NetworkAttachment attachment = await Attacher("10.50.0.2/24").AttachAsync("job-1", _sandbox.Right.Path, default);
        NetworkAttachment stored = JsonSerializer.Deserialize<NetworkAttachment>(JsonSerializer.Serialize(attachment))!;
        await using var otherClient = new RouteNetlinkClient(_sandbox.Left);
        var other = new VethAttacher(otherClient);
        await other.DetachAsync(stored, default);
        await other.DetachAsync(stored, default);
        Assert.That(await HostLinks.ListAsync(kind: "veth"), Is.Empty);
        Assert.That(await _sandbox.RightClient.Links.FindAsync("eth0"), Is.Null);
    }

    [Test]
    public async Task Detaching_works_without_the_state_and_after_the_namespace_is_gone()
    {
        NetworkAttachment attachment;
        await using (NetworkNamespace shortLived = await NetworkNamespace.CreateAnonymousAsync())
            attachment = await Attacher("10.50.0.2/24").AttachAsync("job-1", shortLived.Path, default);
        await Attacher().DetachAsync(attachment with { State = null }, default);
        Assert.That(await HostLinks.ListAsync(kind: "veth"), Is.Empty);
    }

    [Test]
    public async Task Detaching_deletes_nothing_that_it_did_not_make()
    {
        await HostLinks.CreateVethAsync(new VethPair(VethAttacher.HostLinkName("job-1", "eth0")) { PeerName = "x" });
        await HostLinks.CreateVethAsync(new VethPair("precious") { PeerName = "y", Alias = "job-2/eth0" });
        var forged = new NetworkAttachment
        {
            Attacher = "veth",
            ContainerId = "job-1",
            NetworkNamespacePath = "/nowhere",
            Interfaces = [new NetworkInterface { Name = "eth0" }],
            State = JsonDocument.Parse("""{"hostLink":"precious"}""").RootElement,
        };
        await Attacher().DetachAsync(forged, default);
        await Attacher().DetachAsync(forged with { State = null }, default);
        Assert.That(await HostLinks.ListAsync(kind: "veth"), Has.Count.EqualTo(4));
        Assert.That(() => Attacher().DetachAsync(forged with { State = JsonDocument.Parse("""{"hostLink":5}""").RootElement }, default), Throws.Corrupted());
        Assert.That(() => Attacher().DetachAsync(forged with { Attacher = "cni" }, default), Throws.ArgumentException);
    }

    [Test]
    public async Task A_refused_address_or_route_leaves_no_link()
    {
        Assert.That(() => Attacher("ff02::1/64").AttachAsync("job-1", _sandbox.Right.Path, default), Throws.InstanceOf<NetlinkException>());
        Assert.That(() => Attacher("192.0.2.2/24").AttachAsync("job-1", _sandbox.Right.Path, default),
            Throws.OfKind(ErrorKind.FailedPrecondition), "the default route's gateway is out of reach");
        Assert.That(await HostLinks.ListAsync(kind: "veth"), Is.Empty);
        Assert.That(await _sandbox.RightClient.Links.ListAsync(), Has.Count.EqualTo(1));
        await Attacher("10.50.0.2/24").AttachAsync("job-1", _sandbox.Right.Path, default);
    }

    [Test]
    public async Task A_second_attachment_is_AlreadyExists_and_spares_the_first()
    {
        await Attacher("10.50.0.2/24").AttachAsync("job-1", _sandbox.Right.Path, default);
        Assert.That(() => Attacher("10.50.0.3/24").AttachAsync("job-1", _sandbox.Right.Path, default), Throws.OfKind(ErrorKind.AlreadyExists));
        Assert.That(() => Attacher("10.50.0.3/24").AttachAsync("job-2", _sandbox.Right.Path, default), Throws.OfKind(ErrorKind.AlreadyExists));
        Assert.That(await HostLinks.ListAsync(kind: "veth"), Has.Count.EqualTo(1));
        Assert.That(await _sandbox.RightClient.Links.FindAsync("eth0"), Is.Not.Null);
    }

    [Test]
    public void What_does_not_exist_is_NotFound_and_named()
    {
        Assert.That(() => Attacher().AttachAsync("job-1", "/no/such/namespace", default),
            Throws.OfKind(ErrorKind.NotFound).With.Message.Contains("/no/such/namespace"));
        var noBridge = new VethAttacher(_sandbox.LeftClient, new VethAttacherOptions { Bridge = "nobr0" });
        Assert.That(() => noBridge.AttachAsync("job-1", _sandbox.Right.Path, default), Throws.OfKind(ErrorKind.NotFound).With.Message.Contains("nobr0"));
        Assert.That(() => Attacher().AttachAsync("job-1", _sandbox.Left.Path, default), Throws.OfKind(ErrorKind.InvalidArgument), "the host's own");
        Assert.That(() => Attacher().AttachAsync("../job", _sandbox.Right.Path, default), Throws.OfKind(ErrorKind.InvalidArgument));
    }

    [Test]
    public async Task Cancellation_in_the_hosts_own_part_leaves_no_link()
    {
        using var source = new CancellationTokenSource();
        var attacher = new VethAttacher(_sandbox.LeftClient, new VethAttacherOptions
        {
            Bridge = "br0",
            Endpoint = async (_, _) =>
            {
                await source.CancelAsync();
                return new VethEndpoint { Addresses = [InterfaceAddress.Parse("10.50.0.2/24")] };
            },
        });
        Assert.That(() => attacher.AttachAsync("job-1", _sandbox.Right.Path, source.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await HostLinks.ListAsync(kind: "veth"), Is.Empty);
    }

    [Test]
    public async Task Many_containers_are_attached_at_once()
    {
        NetworkNamespace[] namespaces = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => NetworkNamespace.CreateAnonymousAsync()));
        int next = 10;
        var attacher = new VethAttacher(_sandbox.LeftClient, new VethAttacherOptions
        {
            Bridge = "br0",
            Group = 777,
            Endpoint = (_, _) => ValueTask.FromResult(new VethEndpoint { Addresses = [InterfaceAddress.Parse($"10.50.0.{Interlocked.Increment(ref next)}/24")] }),
        });
        await Task.WhenAll(namespaces.Select((inside, i) => attacher.AttachAsync("job-" + i, inside.Path, default)));
        Assert.That(await HostLinks.ListAsync(kind: "veth", master: "br0"), Has.Count.EqualTo(12));
        await HostLinks.DeleteGroupAsync(777);
        Assert.That(await HostLinks.ListAsync(kind: "veth"), Is.Empty);
        foreach (NetworkNamespace inside in namespaces)
            await inside.DisposeAsync();
    }

    [Test]
    public async Task The_services_are_registered_once_and_open_nothing_yet()
    {
        var services = new ServiceCollection();
        services.AddContainerdNetwork(options => options.Bridge = "br9").AddContainerdNetwork();
        Assert.That(services.Count(service => service.ServiceType == typeof(INetworkAttacher)), Is.EqualTo(1));
        Assert.That(services.Select(service => service.ServiceType), Is.SupersetOf(
            new[] { typeof(RouteNetlinkClient), typeof(NetworkLinks), typeof(NetworkAddresses), typeof(NetworkRoutes) }));
        await Task.CompletedTask;
    }
}
