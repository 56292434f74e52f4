namespace Containerd.Network;

// The members keep the kernel's names, because an exception shows them to the reader.

/// <summary>Attributes of a link (linux/uapi/linux/if_link.h).</summary>
internal enum LinkAttribute : ushort
{
    IFLA_ADDRESS = 1,
    IFLA_BROADCAST = 2,
    IFLA_IFNAME = 3,
    IFLA_MTU = 4,
    IFLA_LINK = 5,
    IFLA_MASTER = 10,
    IFLA_OPERSTATE = 16,
    IFLA_LINKINFO = 18,
    IFLA_NET_NS_PID = 19,
    IFLA_IFALIAS = 20,
    IFLA_STATS64 = 23,
    IFLA_GROUP = 27,
    IFLA_NET_NS_FD = 28,
    IFLA_EXT_MASK = 29,
    IFLA_LINK_NETNSID = 37,
    IFLA_PROP_LIST = 52,
    IFLA_ALT_IFNAME = 53,
}

/// <summary>Attributes within IFLA_LINKINFO (linux/uapi/linux/if_link.h).</summary>
internal enum LinkInfoAttribute : ushort
{
    IFLA_INFO_KIND = 1,
    IFLA_INFO_DATA = 2,
}

/// <summary>Attributes within IFLA_INFO_DATA of a veth (linux/uapi/linux/veth.h).</summary>
internal enum VethAttribute : ushort
{
    VETH_INFO_PEER = 1,
}

/// <summary>Attributes within IFLA_INFO_DATA of a bridge (linux/uapi/linux/if_link.h).</summary>
internal enum BridgeAttribute : ushort
{
    IFLA_BR_STP_STATE = 5,
    IFLA_BR_VLAN_FILTERING = 7,
    IFLA_BR_MCAST_SNOOPING = 23,
}

/// <summary>Attributes within IFLA_INFO_DATA of a macvlan (linux/uapi/linux/if_link.h).</summary>
internal enum MacVlanAttribute : ushort
{
    IFLA_MACVLAN_MODE = 1,
}

/// <summary>Attributes of an address (linux/uapi/linux/if_addr.h).</summary>
internal enum AddressAttribute : ushort
{
    IFA_ADDRESS = 1,
    IFA_LOCAL = 2,
    IFA_LABEL = 3,
    IFA_BROADCAST = 4,
    IFA_FLAGS = 8,
}

/// <summary>Attributes of a route (linux/uapi/linux/rtnetlink.h).</summary>
internal enum RouteAttribute : ushort
{
    RTA_DST = 1,
    RTA_OIF = 4,
    RTA_GATEWAY = 5,
    RTA_PRIORITY = 6,
    RTA_PREFSRC = 7,
    RTA_MULTIPATH = 9,
    RTA_TABLE = 15,
}

/// <summary>Attributes of an acknowledgement (linux/uapi/linux/netlink.h).</summary>
internal enum AckAttribute : ushort
{
    NLMSGERR_ATTR_MSG = 1,
    NLMSGERR_ATTR_OFFS = 2,
    NLMSGERR_ATTR_MISS_TYPE = 5,
    NLMSGERR_ATTR_MISS_NEST = 6,
}
