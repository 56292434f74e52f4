using System.Net.NetworkInformation;

namespace Containerd.Network;

/// <summary>A link (network interface) as the kernel described it at one moment.</summary>
public sealed record Link
{
    /// <summary>Its index, from 1; unique in its namespace and not given again while that lives.</summary>
    public required int Index { get; init; }

    /// <summary>What it is called in its namespace: 1 to 15 bytes.</summary>
    public required string Name { get; init; }

    /// <summary>What it is (<c>veth</c>, <c>bridge</c>, <c>macvlan</c>); null where its driver has no kind: a loopback,
    /// most hardware.</summary>
    public string? Kind { get; init; }

    /// <summary>Its hardware address; null where it has none.</summary>
    public PhysicalAddress? HardwareAddress { get; init; }

    /// <summary>Its maximum transmission unit in bytes.</summary>
    public int Mtu { get; init; }

    /// <summary>What the kernel says of its state and kind (IFF_*).</summary>
    public LinkFlags Flags { get; init; }

    /// <summary>Whether it is administratively up.</summary>
    public bool IsUp => Flags.HasFlag(LinkFlags.Up);

    /// <summary>Whether it passes packets.</summary>
    public OperationalState OperationalState { get; init; }

    /// <summary>Index of the bridge (or other master) that it is a port of; null where it is none.</summary>
    public int? MasterIndex { get; init; }

    /// <summary>Index of a veth's peer, or of the link that a macvlan lies on; null where there is none.</summary>
    /// <remarks>In the namespace that <see cref="PeerNamespaceId"/> says.</remarks>
    public int? PeerIndex { get; init; }

    /// <summary>Id by which this namespace knows the one its peer is in; null where the peer is in the same one.</summary>
    public int? PeerNamespaceId { get; init; }

    /// <summary>Its group; 0 is the default of the system.</summary>
    public int Group { get; init; }

    /// <summary>The free text it carries; null where there is none.</summary>
    public string? Alias { get; init; }

    /// <summary>Further names by which it is found.</summary>
    public IReadOnlyList<string> AlternativeNames { get; init; } = [];
}
