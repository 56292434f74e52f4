using System.Net;
using System.Net.NetworkInformation;
using System.Text.Json;
using Containerd.Conformance;

namespace Containerd.Network.Tests;

[TestFixture]
[RequiresRoot]
public sealed class LinkTests
{
    private NetworkSandbox _sandbox = null!;

    private NetworkLinks Links => _sandbox.LeftClient.Links;

    [SetUp]
    public async Task SetUpAsync() => _sandbox = await NetworkSandbox.CreateAsync();

    [TearDown]
    public async Task TearDownAsync() => await _sandbox.DisposeAsync();

    [Test]
    public async Task One_request_makes_both_ends_of_a_veth_where_they_belong()
    {
        Link bridge = await Links.CreateBridgeAsync(new Bridge("br0"));
        var hostAddress = PhysicalAddress.Parse("02:00:00:00:00:01");
        var peerAddress = PhysicalAddress.Parse("02:00:00:00:00:02");
        Link host = await Links.CreateVethAsync(new VethPair("host0")
        {
            Master = "br0",
            Group = 4242,
            Mtu = 1400,
            HardwareAddress = hostAddress,
            Alias = "job-42",
            PeerName = "eth0",
            PeerNamespace = _sandbox.Right,
            PeerHardwareAddress = peerAddress,
        });
        Link peer = await _sandbox.RightClient.Links.GetAsync("eth0");

        Assert.That(host, Has.Property("MasterIndex").EqualTo(bridge.Index).And.Property("Group").EqualTo(4242).And.Property("Mtu").EqualTo(1400));
        Assert.That(host, Has.Property("HardwareAddress").EqualTo(hostAddress).And.Property("Alias").EqualTo("job-42").And.Property("Kind").EqualTo("veth"));
        Assert.That(host.IsUp);
        Assert.That(host.PeerIndex, Is.EqualTo(peer.Index));
        Assert.That(host.PeerNamespaceId, Is.Not.Null);
        Assert.That(peer, Has.Property("HardwareAddress").EqualTo(peerAddress).And.Property("Mtu").EqualTo(1400).And.Property("Group").EqualTo(4242));
        Assert.That(peer.IsUp, Is.False);
        Assert.That(await Links.FindAsync("eth0"), Is.Null, "the peer was never here");
        Assert.That((await Links.ListAsync(kind: "veth", master: bridge)).Select(link => link.Name), Is.EqualTo(new[] { "host0" }));
    }

    [Test]
    [RequiresProgram("nsenter")]
    [RequiresProgram("busybox")]
    public async Task Packets_pass_between_the_ends()
    {
        await Links.CreateVethAsync(new VethPair("v0") { PeerName = "v1", PeerNamespace = _sandbox.Right });
        await _sandbox.LeftClient.Addresses.AddAsync("v0", InterfaceAddress.Parse("10.99.0.1/24"));
        await _sandbox.RightClient.Addresses.AddAsync("v1", InterfaceAddress.Parse("10.99.0.2/24"));
        await _sandbox.LeftClient.Addresses.AddAsync("v0", InterfaceAddress.Parse("fd00:99::1/64"), skipDuplicateDetection: true);
        await _sandbox.RightClient.Addresses.AddAsync("v1", InterfaceAddress.Parse("fd00:99::2/64"), skipDuplicateDetection: true);
        await _sandbox.RightClient.Links.SetUpAsync("v1");

        (int v4, string output4) = await NetworkSandbox.RunInAsync(_sandbox.Left, "busybox", "ping", "-c", "2", "-W", "3", "10.99.0.2");
        (int v6, string output6) = await NetworkSandbox.RunInAsync(_sandbox.Right, "busybox", "ping", "-6", "-c", "2", "-W", "3", "fd00:99::1");
        Assert.That(v4, Is.Zero, output4);
        Assert.That(v6, Is.Zero, output6);
        Assert.That((await Links.GetStatisticsAsync("v0")).ReceivedPackets, Is.Positive);
    }

    [Test]
    [RequiresProgram("nsenter")]
    [RequiresProgram("ip")]
    public async Task What_ip_shows_is_what_we_show()
    {
        await Links.CreateBridgeAsync(new Bridge("br0") { SpanningTree = true, Group = 77 });
        await Links.CreateVethAsync(new VethPair("v0") { PeerName = "v1", Master = "br0", Alias = "an alias" });
        (int exit, string text) = await NetworkSandbox.RunInAsync(_sandbox.Left, "ip", "-j", "-d", "link", "show");
        Assert.That(exit, Is.Zero, text);
        using JsonDocument theirs = JsonDocument.Parse(text);
        IReadOnlyList<Link> ours = await Links.ListAsync();

        Assert.That(ours.Select(link => link.Name), Is.EqualTo(theirs.RootElement.EnumerateArray().Select(e => e.GetProperty("ifname").GetString())));
        foreach (JsonElement their in theirs.RootElement.EnumerateArray())
        {
            Link our = ours.Single(link => link.Index == their.GetProperty("ifindex").GetInt32());
            Assert.That(our.Mtu, Is.EqualTo(their.GetProperty("mtu").GetInt32()));
            Assert.That(our.IsUp, Is.EqualTo(their.GetProperty("flags").EnumerateArray().Any(flag => flag.GetString() == "UP")));
            Assert.That(our.OperationalState.ToString().ToUpperInvariant(), Is.EqualTo(their.GetProperty("operstate").GetString()));
            Assert.That(our.Kind, Is.EqualTo(their.TryGetProperty("linkinfo", out JsonElement info) && info.TryGetProperty("info_kind", out JsonElement kind) ? kind.GetString() : null));
            Assert.That(our.Alias, Is.EqualTo(their.TryGetProperty("ifalias", out JsonElement alias) ? alias.GetString() : null));
            Assert.That(our.MasterIndex.HasValue, Is.EqualTo(their.TryGetProperty("master", out _)));
        }
    }

    [Test]
    public async Task A_taken_name_is_AlreadyExists_and_nothing_is_left()
    {
        await Links.CreateBridgeAsync(new Bridge("taken"));
        Assert.That(() => Links.CreateBridgeAsync(new Bridge("taken")), Throws.OfKind(ErrorKind.AlreadyExists));
        Assert.That(() => Links.CreateVethAsync(new VethPair("fresh") { PeerName = "taken" }), Throws.OfKind(ErrorKind.AlreadyExists));
        Assert.That((await Links.ListAsync()).Select(link => link.Name), Is.EquivalentTo(new[] { "lo", "taken" }));
    }

    [Test]
    public async Task A_missing_bridge_is_NotFound_and_named()
    {
        Assert.That(() => Links.CreateVethAsync(new VethPair("v0") { Master = "nobr0" }),
            Throws.OfKind(ErrorKind.NotFound).With.Message.Contains("nobr0").And.Property("Subject").EqualTo("nobr0"));
        Assert.That(await Links.ListAsync(), Has.Count.EqualTo(1));
    }

    [Test]
    public void A_kind_the_kernel_does_not_know_is_NotSupported_and_named()
    {
        NetlinkException e = Assert.ThrowsAsync<NetlinkException>(() => _sandbox.LeftClient.Links.CreateAsync(new NoSuchKind("x0"), default, default))!;
        Assert.That(e.Kind, Is.EqualTo(ErrorKind.NotSupported));
        Assert.That(e.Message, Does.Contain("nosuchkind"));
        Assert.That(e.KernelMessage, Is.EqualTo("Unknown device type"));
    }

    [Test]
    public void An_attribute_the_kernel_refuses_is_named_with_those_around_it()
    {
        NetlinkException e = Assert.ThrowsAsync<NetlinkException>(() => Links.CreateAsync(new MalformedBridge("x0"), default, default))!;
        Assert.That(e.KernelMessage, Is.Not.Null);
        Assert.That(e.AttributeOffset, Is.Positive);
        Assert.That(e.AttributeName, Is.EqualTo("IFLA_LINKINFO/IFLA_INFO_DATA/IFLA_BR_STP_STATE"));
        Assert.That(e.Message, Does.Contain(e.AttributeName!).And.Contain(e.KernelMessage!));
    }

    [Test]
    public async Task An_mtu_out_of_range_names_the_attribute()
    {
        await Links.CreateVethAsync(new VethPair("v0") { PeerName = "v1" });
        NetlinkException e = Assert.ThrowsAsync<NetlinkException>(() => Links.SetMtuAsync("v0", 1_000_000))!;
        Assert.That(e.Kind, Is.EqualTo(ErrorKind.InvalidArgument));
        Assert.That(e.KernelMessage, Is.Not.Null);
        NetlinkException tooFew = Assert.ThrowsAsync<NetlinkException>(() => Links.SetHardwareAddressAsync("v0", new PhysicalAddress([1, 2])))!;
        Assert.That(tooFew.Errno, Is.Positive);
    }

    [Test]
    public async Task The_alias_is_refused_before_anything_is_made()
    {
        Assert.That(() => Links.CreateBridgeAsync(new Bridge("br0") { Alias = new string('a', 256) }), Throws.OfKind(ErrorKind.InvalidArgument));
        Assert.That(await Links.FindAsync("br0"), Is.Null);
    }

    [Test]
    public async Task Links_are_renamed_moved_and_mastered()
    {
        Link a = await Links.CreateVethAsync(new VethPair("a0") { PeerName = "b0", IsUp = false });
        await Links.CreateBridgeAsync(new Bridge("br0"));
        await Links.RenameAsync("a0", "a1");
        await Links.SetMasterAsync("a1", "br0");
        Assert.That(await Links.GetAsync(a), Has.Property("Name").EqualTo("a1").And.Property("MasterIndex").Not.Null);
        await Links.SetMasterAsync("a1", null);
        await Links.MoveAsync("a1", _sandbox.Right, "eth7");
        Assert.That(await Links.FindAsync("a1"), Is.Null);
        Assert.That((await _sandbox.RightClient.Links.GetAsync("eth7")).Kind, Is.EqualTo("veth"));
        Assert.That(() => Links.MoveAsync("gone", _sandbox.Right), Throws.OfKind(ErrorKind.NotFound));
        Assert.That(() => Links.SetUpAsync("gone"), Throws.OfKind(ErrorKind.NotFound));
    }

    [Test]
    public async Task A_macvlan_lies_on_its_parent()
    {
        Link parent = await Links.CreateVethAsync(new VethPair("p0") { PeerName = "p1" });
        Link made = await Links.CreateMacVlanAsync(new MacVlan("m0", "p0"));
        Assert.That(made, Has.Property("Kind").EqualTo("macvlan").And.Property("PeerIndex").EqualTo(parent.Index));
        Assert.That(() => Links.CreateMacVlanAsync(new MacVlan("m1", "nope")), Throws.OfKind(ErrorKind.NotFound).With.Message.Contains("nope"));
    }

    [Test]
    public async Task Deleting_is_idempotent_and_takes_the_peer_along()
    {
        Link veth = await Links.CreateVethAsync(new VethPair("v0") { PeerName = "v1", PeerNamespace = _sandbox.Right });
        await Links.DeleteAsync("v0");
        await Links.DeleteAsync("v0");
        await Links.DeleteAsync(veth);
        Assert.That(await _sandbox.RightClient.Links.FindAsync("v1"), Is.Null);
        Assert.That(() => Links.DeleteAsync("lo"), Throws.OfKind(ErrorKind.NotSupported));
    }

    [Test]
    public async Task A_group_is_deleted_at_once_and_group_0_never()
    {
        for (int i = 0; i < 20; i++)
            await Links.CreateVethAsync(new VethPair($"v{i}") { PeerName = "eth" + i, PeerNamespace = _sandbox.Right, Group = 9001 });
        await Links.CreateBridgeAsync(new Bridge("br0") { Group = 0 });
        await Links.CreateBridgeAsync(new Bridge("br1") { Group = 9002 });
        Assert.That(() => Links.DeleteGroupAsync(0), Throws.OfKind(ErrorKind.InvalidArgument));
        await Links.DeleteGroupAsync(9001);
        await Links.DeleteGroupAsync(9001);
        Assert.That((await Links.ListAsync()).Select(link => link.Name), Is.EquivalentTo(new[] { "lo", "br0", "br1" }));
    }

    [Test]
    public async Task Addresses_are_added_listed_replaced_and_removed()
    {
        await Links.CreateBridgeAsync(new Bridge("br0"));
        NetworkAddresses addresses = _sandbox.LeftClient.Addresses;
        var v4 = InterfaceAddress.Parse("10.7.0.1/24");
        var v6 = InterfaceAddress.Parse("fd00:7::1/64");
        await addresses.AddAsync("br0", v4);
        await addresses.AddAsync("br0", v6, skipDuplicateDetection: true);
        Assert.That(() => addresses.AddAsync("br0", v4), Throws.OfKind(ErrorKind.AlreadyExists));
        await addresses.ReplaceAsync("br0", v4);
        IReadOnlyList<LinkAddress> listed = await addresses.ListAsync("br0");
        Assert.That(listed.Select(address => address.Address), Is.SupersetOf(new[] { v4, v6 }));
        LinkAddress first = listed.Single(address => address.Address == v4);
        Assert.That(first.Broadcast, Is.EqualTo(IPAddress.Parse("10.7.0.255")));
        Assert.That(first.IsPermanent);
        Assert.That(listed.Single(address => address.Address == v6).IsTentative, Is.False);
        await addresses.RemoveAsync("br0", v4);
        await addresses.RemoveAsync("br0", v4);
        await addresses.RemoveAsync("gone", v4);
        Assert.That((await addresses.ListAsync("br0")).Select(address => address.Address), Has.No.Member(v4));
        Assert.That(() => addresses.AddAsync("gone", v4), Throws.OfKind(ErrorKind.NotFound).With.Message.Contains("gone"));
        Assert.That(() => addresses.AddAsync("br0", InterfaceAddress.Parse("ff02::5/64")), Throws.InstanceOf<NetlinkException>());
    }

    [Test]
    public async Task Routes_are_added_listed_and_removed()
    {
        await Links.CreateVethAsync(new VethPair("v0") { PeerName = "v1" });
        await Links.SetUpAsync("v1");
        await _sandbox.LeftClient.Addresses.AddAsync("v0", InterfaceAddress.Parse("10.8.0.2/24"));
        NetworkRoutes routes = _sandbox.LeftClient.Routes;
        Route gateway = Route.DefaultVia(IPAddress.Parse("10.8.0.1"));
        var direct = new Route { Destination = IPNetwork.Parse("10.9.0.0/16"), Link = "v0", Metric = 50 };
        await routes.AddAsync(gateway);
        await routes.AddAsync(direct);
        Assert.That(() => routes.AddAsync(gateway), Throws.OfKind(ErrorKind.AlreadyExists));
        Assert.That(() => routes.AddAsync(Route.DefaultVia(IPAddress.Parse("192.0.2.1")) with { Metric = 5 }), Throws.OfKind(ErrorKind.FailedPrecondition));
        Assert.That(() => routes.AddAsync(new Route { Destination = direct.Destination }), Throws.OfKind(ErrorKind.InvalidArgument));
        IReadOnlyList<Route> listed = await routes.ListAsync();
        Assert.That(listed, Has.Some.Property("Gateway").EqualTo(gateway.Gateway));
        Assert.That(listed.Single(route => route.Destination == direct.Destination).Metric, Is.EqualTo(50));
        await routes.RemoveAsync(gateway);
        await routes.RemoveAsync(gateway);
        Assert.That(await routes.ListAsync(), Has.None.Property("Gateway").EqualTo(gateway.Gateway));
    }

    private sealed record MalformedBridge : LinkDefinition
    {
        public MalformedBridge(string name)
            : base(name)
        {
        }

        internal override string Kind => "bridge";

        internal override void WriteData(ref NetlinkMessageWriter writer, in Interop.HandleLease peerNamespace) =>
            writer.Write(BridgeAttribute.IFLA_BR_STP_STATE, (byte)1);
    }

    private sealed record NoSuchKind : LinkDefinition
    {
        public NoSuchKind(string name)
            : base(name)
        {
        }

        internal override string Kind => "nosuchkind";

        internal override void WriteData(ref NetlinkMessageWriter writer, in Interop.HandleLease peerNamespace)
        {
        }
    }
}
