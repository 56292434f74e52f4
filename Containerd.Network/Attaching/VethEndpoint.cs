using System.Net.NetworkInformation;

namespace Containerd.Network;

/// <summary>What a container's end of a veth is given.</summary>
public sealed record VethEndpoint
{
    /// <summary>Its addresses; duplicate detection is skipped, since whoever gave them knows that they are free. None
    /// unless set.</summary>
    public IReadOnlyList<InterfaceAddress> Addresses { get; init; } = [];

    /// <summary>The routes of the container, added in order when the link is up. One without <see cref="Route.Link"/> and
    /// gateway goes by this link. None unless set.</summary>
    public IReadOnlyList<Route> Routes { get; init; } = [];

    /// <summary>Its hardware address; null lets the kernel choose one at random.</summary>
    public PhysicalAddress? HardwareAddress { get; init; }
}
