namespace Containerd.Network;

/// <summary>The operational state of a link after RFC 2863 (linux/uapi/linux/if.h, <c>IF_OPER_…</c>).</summary>
public enum OperationalState
{
    /// <summary>The driver does not say; a loopback, for example.</summary>
    Unknown = 0,

    /// <summary>The hardware is missing.</summary>
    NotPresent = 1,

    /// <summary>It passes no packets.</summary>
    Down = 2,

    /// <summary>A link beneath it is down.</summary>
    LowerLayerDown = 3,

    /// <summary>It is being tested.</summary>
    Testing = 4,

    /// <summary>It waits for something, such as authentication.</summary>
    Dormant = 5,

    /// <summary>It passes packets.</summary>
    Up = 6,
}
