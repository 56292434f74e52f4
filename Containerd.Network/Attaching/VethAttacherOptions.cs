namespace Containerd.Network;

/// <summary>How a <see cref="VethAttacher"/> connects containers. Copied when the attacher is created.</summary>
public sealed class VethAttacherOptions
{
    /// <summary>The bridge that the host's ends become ports of; it must exist when a container is attached.</summary>
    /// <value>Null unless set: the host's ends are ports of nothing.</value>
    public string? Bridge { get; set; }

    /// <summary>Name of the link inside the container: 1 to 15 bytes.</summary>
    /// <value><c>eth0</c> unless set.</value>
    public string InterfaceName { get; set; } = "eth0";

    /// <summary>Maximum transmission unit of both ends in bytes.</summary>
    /// <value>Null unless set: the kernel's default, 1500.</value>
    public int? Mtu { get; set; }

    /// <summary>Group of both ends, so that <see cref="NetworkLinks.DeleteGroupAsync"/> removes what is left of all
    /// containers.</summary>
    /// <value><see cref="LinkDefinition.DefaultGroup"/> unless set.</value>
    public int Group { get; set; } = LinkDefinition.DefaultGroup;

    /// <summary>What a container is given, decided by the host: called once per attachment with the container's ID.</summary>
    /// <value>Null unless set: neither addresses nor routes. What it throws, <see cref="VethAttacher.AttachAsync"/>
    /// throws, and nothing is made.
    /// What it reserves, the host releases when attaching fails or the container is detached.</value>
    public Func<string, CancellationToken, ValueTask<VethEndpoint>>? Endpoint { get; set; }
}
