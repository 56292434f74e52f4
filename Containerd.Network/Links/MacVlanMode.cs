namespace Containerd.Network;

/// <summary>How the macvlans on one parent reach each other (linux/uapi/linux/if_link.h).</summary>
public enum MacVlanMode
{
    /// <summary>Not at all.</summary>
    Private = 1,

    /// <summary>Through the switch the parent is plugged into, which must send back.</summary>
    Vepa = 2,

    /// <summary>Directly.</summary>
    Bridge = 4,

    /// <summary>There is only one, which has the parent for itself.</summary>
    PassThrough = 8,
}
