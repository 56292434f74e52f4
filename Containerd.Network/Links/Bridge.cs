namespace Containerd.Network;

/// <summary>A software switch.</summary>
public sealed record Bridge : LinkDefinition
{
    /// <summary>Defines it.</summary>
    /// <param name="name">Its name: 1 to 15 bytes.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.InvalidArgument"/>: no link can have the name.</exception>
    public Bridge(string name)
        : base(name)
    {
    }

    /// <summary>Whether its ports are told apart by VLAN; null keeps the kernel's default (no).</summary>
    public bool? VlanFiltering { get; init; }

    /// <summary>Whether it speaks the spanning tree protocol; null keeps the kernel's default (no).</summary>
    public bool? SpanningTree { get; init; }

    /// <summary>Whether it sends multicast only where somebody listens; null keeps the kernel's default (yes).</summary>
    public bool? MulticastSnooping { get; init; }

    internal override string Kind => "bridge";

    internal override void WriteData(ref NetlinkMessageWriter writer, in Interop.HandleLease peerNamespace)
    {
        if (VlanFiltering is { } vlan)
            writer.Write(BridgeAttribute.IFLA_BR_VLAN_FILTERING, vlan ? (byte)1 : (byte)0);
        if (SpanningTree is { } stp)
            writer.Write(BridgeAttribute.IFLA_BR_STP_STATE, stp ? 1u : 0u);
        if (MulticastSnooping is { } snooping)
            writer.Write(BridgeAttribute.IFLA_BR_MCAST_SNOOPING, snooping ? (byte)1 : (byte)0);
    }
}
