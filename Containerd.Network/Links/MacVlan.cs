namespace Containerd.Network;

/// <summary>A link with a hardware address of its own on top of another one.</summary>
/// <remarks>It is made beside its parent; <see cref="NetworkLinks.MoveAsync"/> gives it to a container.</remarks>
public sealed record MacVlan : LinkDefinition
{
    /// <summary>Defines it.</summary>
    /// <param name="name">Its name: 1 to 15 bytes.</param>
    /// <param name="parent">The link it lies on.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.InvalidArgument"/>: no link can have the name.</exception>
    public MacVlan(string name, LinkReference parent)
        : base(name)
    {
        parent.Check();
        Parent = parent;
    }

    /// <summary>The link it lies on.</summary>
    public LinkReference Parent { get; }

    /// <summary>How it reaches others on the same parent.</summary>
    /// <value><see cref="MacVlanMode.Bridge"/> unless set.</value>
    public MacVlanMode Mode { get; init; } = MacVlanMode.Bridge;

    internal override string Kind => "macvlan";

    internal override void WriteData(ref NetlinkMessageWriter writer, in Interop.HandleLease peerNamespace) =>
        writer.Write(MacVlanAttribute.IFLA_MACVLAN_MODE, (int)Mode);
}
