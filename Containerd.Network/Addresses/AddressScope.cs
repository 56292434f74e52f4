namespace Containerd.Network;

/// <summary>How far an address or a route is valid (linux/uapi/linux/rtnetlink.h, <c>RT_SCOPE_…</c>).</summary>
public enum AddressScope
{
    /// <summary>Everywhere.</summary>
    Universe = 0,

    /// <summary>Within the site.</summary>
    Site = 200,

    /// <summary>To neighbours on the same link only.</summary>
    Link = 253,

    /// <summary>Within this network namespace only.</summary>
    Host = 254,

    /// <summary>For a destination that does not exist.</summary>
    Nowhere = 255,
}
