using System.Net;
using System.Net.Sockets;

namespace Containerd.Network;

/// <summary>A unicast route: where packets to a network go.</summary>
public sealed record Route
{
    /// <summary>The routing table that every packet is looked up in, unless a rule says otherwise.</summary>
    public const int MainTable = 254;

    /// <summary>The network it leads to; <c>0.0.0.0/0</c> and <c>::/0</c> are the default routes.</summary>
    public required IPNetwork Destination { get; init; }

    /// <summary>The router to send to, of the destination's family; null is to the link itself.</summary>
    public IPAddress? Gateway { get; init; }

    /// <summary>The link to send by; null is the one the gateway is reached by. A listed route has it by index.</summary>
    public LinkReference? Link { get; init; }

    /// <summary>The lower it is, the sooner it is taken among routes to the same network; null is the kernel's default
    /// (IPv4 0, IPv6 1024).</summary>
    public int? Metric { get; init; }

    /// <summary>The address of this host that packets carry; null lets the kernel choose.</summary>
    public IPAddress? PreferredSource { get; init; }

    /// <summary>The routing table.</summary>
    /// <value><see cref="MainTable"/> unless set.</value>
    public int Table { get; init; } = MainTable;

    /// <summary>The default route of the gateway's family.</summary>
    /// <param name="gateway">The router to send to.</param>
    public static Route DefaultVia(IPAddress gateway)
    {
        ArgumentNullException.ThrowIfNull(gateway);
        return new Route
        {
            Destination = new IPNetwork(gateway.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0),
            Gateway = gateway,
        };
    }

    /// <summary>Destination, gateway and link, as a message shows them.</summary>
    public override string ToString() =>
        $"{Destination}{(Gateway is null ? "" : $" via {Gateway}")}{(Link is { } link ? $" dev {Excerpt.Of(link.ToString())}" : "")}";
}
