using System.Net.NetworkInformation;

namespace Containerd.Network;

/// <summary>A link to be made: what every kind has in common.</summary>
public abstract record LinkDefinition
{
    /// <summary>The group of links that say nothing else; <c>cdn</c> in ASCII.</summary>
    /// <remarks>Every user of this library who says nothing else shares it. Give your links a group of your own to delete
    /// them by it.</remarks>
    public const int DefaultGroup = 0x63646e;

    private protected LinkDefinition(string name)
    {
        LinkName.Check(name);
        Name = name;
    }

    /// <summary>Its name: 1 to 15 bytes.</summary>
    public string Name { get; }

    /// <summary>Its group, by which it can be deleted together with others; 0 is no group.</summary>
    /// <value><see cref="DefaultGroup"/> unless set.</value>
    public int Group { get; init; } = DefaultGroup;

    /// <summary>Whether it is up when it appears. True unless set.</summary>
    public bool IsUp { get; init; } = true;

    /// <summary>Its maximum transmission unit in bytes; null keeps the kernel's default.</summary>
    public int? Mtu { get; init; }

    /// <summary>Its hardware address; null lets the kernel choose one at random.</summary>
    public PhysicalAddress? HardwareAddress { get; init; }

    /// <summary>The link, a bridge for example, that it becomes a port of; null is none.</summary>
    public LinkReference? Master { get; init; }

    /// <summary>Free text it carries, at most 255 bytes; null is none. The kernel takes it in a second request only;
    /// where that fails the link is deleted again.</summary>
    public string? Alias { get; init; }

    /// <summary>The kernel's name of the kind.</summary>
    internal abstract string Kind { get; }

    /// <summary>What the kind adds to IFLA_INFO_DATA.</summary>
    internal abstract void WriteData(ref NetlinkMessageWriter writer, in Interop.HandleLease peerNamespace);
}
