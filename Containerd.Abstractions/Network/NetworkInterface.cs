namespace Containerd;

/// <summary>One network interface inside a container, as it was made by an <see cref="INetworkAttacher"/>.</summary>
public sealed record NetworkInterface
{
    /// <summary>Its name inside the container, for example <c>eth0</c>. 1 to 15 bytes.</summary>
    public required string Name { get; init; }

    /// <summary>Its hardware address as colon-separated hexadecimal octets; null where the link has none.</summary>
    public string? HardwareAddress { get; init; }

    /// <summary>Its maximum transmission unit in bytes; null where the kernel's default was kept.</summary>
    public int? Mtu { get; init; }

    /// <summary>Its addresses in CIDR form (<c>10.1.2.3/24</c>, <c>fd00::2/64</c>). Empty where the host gave none.</summary>
    public IReadOnlyList<string> Addresses { get; init; } = [];
}
