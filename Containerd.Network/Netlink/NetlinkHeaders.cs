using System.Runtime.InteropServices;

namespace Containerd.Network;

/// <summary>struct nlmsghdr (linux/uapi/linux/netlink.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NetlinkHeader
{
    public const int Size = 16;

    public uint Length;
    public MessageType Type;
    public NetlinkFlags Flags;
    public uint Sequence;
    public uint Port;
}

/// <summary>struct ifinfomsg (linux/uapi/linux/rtnetlink.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LinkHeader
{
    public byte Family;
    public byte Padding;
    public ushort HardwareType;
    public int Index;
    public LinkFlags Flags;
    public LinkFlags Change;
}

/// <summary>struct ifaddrmsg (linux/uapi/linux/if_addr.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AddressHeader
{
    public byte Family;
    public byte PrefixLength;
    public byte Flags;
    public byte Scope;
    public int LinkIndex;
}

/// <summary>struct rtmsg (linux/uapi/linux/rtnetlink.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RouteHeader
{
    public byte Family;
    public byte DestinationLength;
    public byte SourceLength;
    public byte TypeOfService;
    public byte Table;
    public byte Protocol;
    public byte Scope;
    public byte Type;
    public uint Flags;
}
