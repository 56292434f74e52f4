namespace Containerd.Network;

/// <summary>How far an address or a route is valid (linux/uapi/linux/rtnetlink.h, <c>RT_SCOPE_…</c>).</summary>
public enum AddressScope
{
    /// <summary>Everywhere.</summary>
    Universe = 0,

    /// <summary>Within the site.</summary>
    Site = 200,

    /// <summary>On the link.</summary>
    Link = 253,

    /// <summary>On this host.</summary>
    Host = 254,

    /// <summary>Nowhere.</summary>
    Nowhere = 255,
}
