using System.Net;

namespace Containerd.Network.Tests;

/// <summary>The example of the package's README, so that it compiles; <see cref="ReadmeTests"/> holds the two together.</summary>
internal static class ReadmeExample
{
    public static async Task RunAsync(CancellationToken ct)
    {
        await using NetworkNamespace netns = await NetworkNamespace.CreateAsync("job-42", ct);
        await using var host = new RouteNetlinkClient();
        await using var inside = new RouteNetlinkClient(netns);

        await host.Links.CreateBridgeAsync(new Bridge("br0") { Group = 4200 }, ct);
        await host.Addresses.AddAsync("br0", InterfaceAddress.Parse("10.1.0.1/24"), cancellationToken: ct);

        await host.Links.CreateVethAsync(
            new VethPair("job42") { PeerNamespace = netns, PeerName = "eth0", Master = "br0", Group = 4200 }, ct);
        await inside.Addresses.AddAsync("eth0", InterfaceAddress.Parse("10.1.0.2/24"), cancellationToken: ct);
        await inside.Links.SetUpAsync("eth0", ct);
        await inside.Routes.AddAsync(Route.DefaultVia(IPAddress.Parse("10.1.0.1")), ct);

        foreach (Link link in await host.Links.ListAsync(kind: "veth", master: "br0", cancellationToken: ct))
            Console.WriteLine($"{link.Name} {link.HardwareAddress} {link.OperationalState}");

        await host.Links.DeleteGroupAsync(4200, ct);
    }
}
