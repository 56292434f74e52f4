using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Containerd.Network;

/// <summary>An IP address with the length of its network's prefix: <c>10.1.0.2/24</c>, <c>fd00::2/64</c>.</summary>
/// <remarks>Unlike <see cref="IPNetwork"/> it keeps the bits of the host.</remarks>
public sealed record InterfaceAddress : IParsable<InterfaceAddress>
{
    /// <summary>Creates an address.</summary>
    /// <param name="address">An IPv4 or IPv6 address without scope id.</param>
    /// <param name="prefixLength">0 to 32 for IPv4, 0 to 128 for IPv6.</param>
    public InterfaceAddress(IPAddress address, int prefixLength)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (address.AddressFamily is AddressFamily.InterNetworkV6 && address.ScopeId != 0)
            throw new ArgumentException("The link says the scope; the address must carry no scope id.", nameof(address));
        ArgumentOutOfRangeException.ThrowIfNegative(prefixLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(prefixLength, BitsOf(address));
        Address = address;
        PrefixLength = prefixLength;
    }

    /// <summary>What the interface is reached by, without the prefix length.</summary>
    public IPAddress Address { get; }

    /// <summary>How many leading bits are those of the network.</summary>
    public int PrefixLength { get; }

    /// <summary>Parses <c>address/prefix</c>.</summary>
    /// <param name="s">The text.</param>
    /// <param name="provider">Not used.</param>
    /// <exception cref="FormatException">It is no address with a prefix length.</exception>
    public static InterfaceAddress Parse(string s, IFormatProvider? provider = null)
    {
        ArgumentNullException.ThrowIfNull(s);
        return TryParse(s, provider, out InterfaceAddress? result)
            ? result
            : throw new FormatException($"'{Excerpt.Of(s)}' is no address with a prefix length, such as 10.1.0.2/24.");
    }

    /// <summary>Parses <c>address/prefix</c>.</summary>
    /// <param name="s">The text; null is no address.</param>
    /// <param name="provider">Not used.</param>
    /// <param name="result">The address, or null.</param>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, [NotNullWhen(true)] out InterfaceAddress? result)
    {
        result = null;
        int slash = s?.IndexOf('/', StringComparison.Ordinal) ?? -1;
        if (slash < 0
            || !IPAddress.TryParse(s.AsSpan(0, slash), out IPAddress? address)
            || !int.TryParse(s.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int prefix)
            || prefix > BitsOf(address)
            || (address.AddressFamily == AddressFamily.InterNetworkV6 && address.ScopeId != 0))
            return false;
        result = new InterfaceAddress(address, prefix);
        return true;
    }

    /// <summary>The text form <c>address/prefix</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Address}/{PrefixLength}");

    internal bool IsIPv4 => Address.AddressFamily == AddressFamily.InterNetwork;

    private static int BitsOf(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
}
