using System.Net;

namespace Containerd.Network;

/// <summary>An address on a link, as the kernel described it at one moment.</summary>
public sealed record LinkAddress
{
    /// <summary>Index, in its namespace, of the link that has it.</summary>
    public required int LinkIndex { get; init; }

    /// <summary>The address and the length of its prefix.</summary>
    public required InterfaceAddress Address { get; init; }

    /// <summary>The address at the other end of a point-to-point link; null where there is none.</summary>
    public IPAddress? Peer { get; init; }

    /// <summary>The IPv4 broadcast address; null where there is none.</summary>
    public IPAddress? Broadcast { get; init; }

    /// <summary>How far it is valid.</summary>
    public AddressScope Scope { get; init; }

    /// <summary>Whether it does not expire.</summary>
    public bool IsPermanent { get; init; }

    /// <summary>Whether duplicate address detection is still under way, so that nothing can be bound to it yet. IPv6
    /// only.</summary>
    public bool IsTentative { get; init; }

    /// <summary>Whether somebody else on the network has it. IPv6 only.</summary>
    public bool IsDuplicate { get; init; }
}
