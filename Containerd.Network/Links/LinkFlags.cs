namespace Containerd.Network;

/// <summary>Flags of a link (linux/uapi/linux/if.h, <c>IFF_…</c>).</summary>
[Flags]
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1028:Enum storage should be Int32", Justification = "The kernel's type.")]
public enum LinkFlags : uint
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>The link is administratively up.</summary>
    Up = 0x1,

    /// <summary>It has a broadcast address.</summary>
    Broadcast = 0x2,

    /// <summary>What it sends, it receives itself.</summary>
    Loopback = 0x8,

    /// <summary>It joins exactly two points.</summary>
    PointToPoint = 0x10,

    /// <summary>It is operational (RFC 2863 state UP).</summary>
    Running = 0x40,

    /// <summary>It does not resolve addresses.</summary>
    NoArp = 0x80,

    /// <summary>It receives every packet.</summary>
    Promiscuous = 0x100,

    /// <summary>It receives every multicast packet.</summary>
    AllMulticast = 0x200,

    /// <summary>It supports multicast.</summary>
    Multicast = 0x1000,

    /// <summary>The driver signals a carrier.</summary>
    LowerUp = 0x10000,

    /// <summary>The driver signals dormancy.</summary>
    Dormant = 0x20000,
}
