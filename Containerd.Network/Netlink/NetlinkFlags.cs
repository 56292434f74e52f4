namespace Containerd.Network;

/// <summary>Flags of a netlink message (linux/uapi/linux/netlink.h).</summary>
[Flags]
internal enum NetlinkFlags : ushort
{
    None = 0,
    Request = 0x1,
    Ack = 0x4,
    Echo = 0x8,
    DumpInterrupted = 0x10,
    Dump = 0x300,
    Replace = 0x100,
    Excl = 0x200,
    Create = 0x400,
}
