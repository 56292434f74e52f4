using System.Net.NetworkInformation;

namespace Containerd.Network;

/// <summary>A virtual cable: two links, of which each receives what the other sends. Deleting one deletes both.</summary>
/// <remarks>The inherited members are about that end; the peer is made down, and is set up by a client for its
/// namespace.</remarks>
public sealed record VethPair : LinkDefinition
{
    /// <summary>Defines it.</summary>
    /// <param name="name">Name of the end in the client's namespace: 1 to 15 bytes.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.InvalidArgument"/>: no link can have the name.</exception>
    public VethPair(string name)
        : base(name)
    {
    }

    /// <summary>Name of the other end: 1 to 15 bytes; null lets the kernel choose <c>vethN</c>.</summary>
    public string? PeerName
    {
        get;
        init
        {
            if (value is not null)
                LinkName.Check(value);
            field = value;
        }
    }

    /// <summary>The namespace in which the other end is made, without ever being anywhere else; null is the client's.</summary>
    public NetworkNamespace? PeerNamespace { get; init; }

    /// <summary>The other end's maximum transmission unit in bytes; null is that of this end.</summary>
    public int? PeerMtu { get; init; }

    /// <summary>The other end's hardware address; null lets the kernel choose one at random.</summary>
    public PhysicalAddress? PeerHardwareAddress { get; init; }

    internal override string Kind => "veth";

    internal override void WriteData(ref NetlinkMessageWriter writer, in Interop.HandleLease peerNamespace)
    {
        int peer = writer.BeginNest(VethAttribute.VETH_INFO_PEER);
        writer.WriteHeader(default(LinkHeader));
        if (PeerName is { } peerName)
            writer.Write(LinkAttribute.IFLA_IFNAME, peerName);
        if ((PeerMtu ?? Mtu) is { } mtu)
            writer.Write(LinkAttribute.IFLA_MTU, mtu);
        if (PeerHardwareAddress is { } address)
            writer.Write(LinkAttribute.IFLA_ADDRESS, address.GetAddressBytes());
        writer.Write(LinkAttribute.IFLA_GROUP, Group);
        if (PeerNamespace is not null)
            writer.Write(LinkAttribute.IFLA_NET_NS_FD, peerNamespace);
        writer.EndNest(peer);
    }
}
