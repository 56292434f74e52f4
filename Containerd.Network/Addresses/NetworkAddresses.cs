using System.Buffers.Binary;
using System.Net;

namespace Containerd.Network;

/// <summary>The addresses on the links of one network namespace; a <see cref="RouteNetlinkClient"/> has it.</summary>
/// <remarks>Thread-safe; failures as for <see cref="NetworkLinks"/>. An address is never chosen here.</remarks>
public sealed class NetworkAddresses
{
    // linux/uapi/linux/if_addr.h
    private const uint IFA_F_NODAD = 0x02;
    private const uint IFA_F_DADFAILED = 0x08;
    private const uint IFA_F_TENTATIVE = 0x40;
    private const uint IFA_F_PERMANENT = 0x80;
    private const byte AF_INET = 2;
    private const byte AF_INET6 = 10;

    private readonly RouteNetlinkClient _client;

    internal NetworkAddresses(RouteNetlinkClient client) => _client = client;

    /// <summary>Adds an address. IPv4 addresses with a prefix below 31 get the broadcast address of their network.</summary>
    /// <param name="link">The link.</param>
    /// <param name="address">The address.</param>
    /// <param name="skipDuplicateDetection">Whether an IPv6 address can be used at once, without asking the network for a
    /// second or two whether somebody has it.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is no such link. -or-
    /// <see cref="ErrorKind.AlreadyExists"/>: the link has the address. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the kernel takes no such address (a multicast one, IPv6 where it is
    /// off).</exception>
    public Task AddAsync(
        LinkReference link, InterfaceAddress address, bool skipDuplicateDetection = false, CancellationToken cancellationToken = default) =>
        ChangeAsync("Adding", NetlinkFlags.Create | NetlinkFlags.Excl, link, address, skipDuplicateDetection, cancellationToken);

    /// <summary>As <see cref="AddAsync"/>, and an address the link has already is no error.</summary>
    /// <param name="link">The link.</param>
    /// <param name="address">The address.</param>
    /// <param name="skipDuplicateDetection">As for <see cref="AddAsync"/>.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException">As <see cref="AddAsync"/>, without
    /// <see cref="ErrorKind.AlreadyExists"/>.</exception>
    public Task ReplaceAsync(
        LinkReference link, InterfaceAddress address, bool skipDuplicateDetection = false, CancellationToken cancellationToken = default) =>
        ChangeAsync("Replacing", NetlinkFlags.Create | NetlinkFlags.Replace, link, address, skipDuplicateDetection, cancellationToken);

    /// <summary>Removes an address. Idempotent: one that the link does not have is no error, nor is a link that does not
    /// exist.</summary>
    /// <param name="link">The link.</param>
    /// <param name="address">The address, with the prefix length it was added with.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task RemoveAsync(LinkReference link, InterfaceAddress address, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (await _client.Links.FindAsync(link, cancellationToken).ConfigureAwait(false) is not { } found)
            return;
        byte[] request = Request(MessageType.DeleteAddress, NetlinkFlags.None, found.Index, address, flags: 0);
        NetlinkReply reply = await _client.ChangeAsync(request, cancellationToken).ConfigureAwait(false);
        if (reply.Acknowledgement.Errno is not (0 or Interop.EADDRNOTAVAIL or Interop.ENODEV))
            throw Failure("Removing", request, reply, link, address);
    }

    /// <summary>The addresses of the namespace, or of one link, IPv4 before IPv6.</summary>
    /// <param name="link">Only those of this link; null is all.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is no such link. -or-
    /// <see cref="ErrorKind.Unavailable"/>: addresses came and went so fast that no list was consistent.</exception>
    public async Task<IReadOnlyList<LinkAddress>> ListAsync(LinkReference? link = null, CancellationToken cancellationToken = default)
    {
        int index = link is { } reference ? await _client.Links.ResolveAsync(reference, cancellationToken).ConfigureAwait(false) : 0;
        var writer = new NetlinkMessageWriter(MessageType.GetAddress, NetlinkFlags.Dump);
        writer.WriteHeader(new AddressHeader { LinkIndex = index });
        byte[] request = writer.ToArray();
        ReadOnlyMemory<byte> messages = await _client.DumpAsync(
            request, "Listing addresses", link?.ToString() ?? "addresses", cancellationToken).ConfigureAwait(false);
        List<LinkAddress> addresses = ParseAll(messages.Span);
        addresses.RemoveAll(address => index != 0 && address.LinkIndex != index);
        return addresses;
    }

    internal static List<LinkAddress> ParseAll(ReadOnlySpan<byte> messages)
    {
        var addresses = new List<LinkAddress>();
        var reader = new NetlinkMessageReader(messages);
        while (reader.MoveNext())
        {
            if (reader.Header.Type == MessageType.NewAddress && Parse(reader.Payload) is { } address)
                addresses.Add(address);
        }
        return addresses;
    }

    private static LinkAddress? Parse(ReadOnlySpan<byte> payload)
    {
        NetlinkAttributeReader attributes = NetlinkAttributeReader.After(payload, out AddressHeader header);
        if (header.Family is not (AF_INET or AF_INET6))
            return null;
        IPAddress? remote = null, local = null, broadcast = null;
        uint flags = header.Flags;
        while (attributes.MoveNext())
        {
            switch ((AddressAttribute)attributes.Type)
            {
                case AddressAttribute.IFA_ADDRESS:
                    remote = attributes.ReadIPAddress();
                    break;
                case AddressAttribute.IFA_LOCAL:
                    local = attributes.ReadIPAddress();
                    break;
                case AddressAttribute.IFA_BROADCAST:
                    broadcast = attributes.ReadIPAddress();
                    break;
                case AddressAttribute.IFA_FLAGS:
                    flags = attributes.ReadUInt32();
                    break;
            }
        }
        // On a point-to-point link IFA_ADDRESS is the peer's; elsewhere it is our own, and IPv6 sends nothing else.
        IPAddress own = local ?? remote ?? throw NetlinkFormat.Corrupted("an address message has no address");
        if (header.PrefixLength > own.GetAddressBytes().Length * 8)
            throw NetlinkFormat.Corrupted($"an address has a prefix of {header.PrefixLength} bits");
        return new LinkAddress
        {
            LinkIndex = header.LinkIndex,
            Address = new InterfaceAddress(own, header.PrefixLength),
            Peer = local is not null && remote is not null && !local.Equals(remote) ? remote : null,
            Broadcast = broadcast,
            Scope = (AddressScope)header.Scope,
            IsPermanent = (flags & IFA_F_PERMANENT) != 0,
            IsTentative = (flags & IFA_F_TENTATIVE) != 0,
            IsDuplicate = (flags & IFA_F_DADFAILED) != 0,
        };
    }

    private async Task ChangeAsync(
        string doing, NetlinkFlags flags, LinkReference link, InterfaceAddress address, bool skipDetection, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(address);
        int index = await _client.Links.ResolveAsync(link, cancellationToken).ConfigureAwait(false);
        byte[] request = Request(MessageType.NewAddress, flags, index, address, skipDetection ? IFA_F_NODAD : 0);
        NetlinkReply reply = await _client.ChangeAsync(request, cancellationToken).ConfigureAwait(false);
        if (reply.Acknowledgement.Errno != 0)
            throw Failure(doing, request, reply, link, address);
    }

    private static byte[] Request(MessageType type, NetlinkFlags netlinkFlags, int index, InterfaceAddress address, uint flags)
    {
        var writer = new NetlinkMessageWriter(type, netlinkFlags);
        writer.WriteHeader(new AddressHeader
        {
            Family = address.IsIPv4 ? AF_INET : AF_INET6,
            PrefixLength = (byte)address.PrefixLength,
            LinkIndex = index,
            // The kernel derives an IPv6 scope from the address; for IPv4 it takes what it is told, as `ip` does it.
            Scope = (byte)(address.IsIPv4 && IPAddress.IsLoopback(address.Address) ? AddressScope.Host : AddressScope.Universe),
        });
        writer.Write(AddressAttribute.IFA_LOCAL, address.Address);
        writer.Write(AddressAttribute.IFA_ADDRESS, address.Address);
        if (address.IsIPv4 && address.PrefixLength < 31 && type == MessageType.NewAddress)
            writer.Write(AddressAttribute.IFA_BROADCAST, BroadcastOf(address));
        if (flags != 0)
            writer.Write(AddressAttribute.IFA_FLAGS, flags);
        return writer.ToArray();
    }

    private static IPAddress BroadcastOf(InterfaceAddress address)
    {
        byte[] bytes = address.Address.GetAddressBytes();
        BinaryPrimitives.WriteUInt32BigEndian(bytes, BinaryPrimitives.ReadUInt32BigEndian(bytes) | (uint.MaxValue >> address.PrefixLength));
        return new IPAddress(bytes);
    }

    private static NetlinkException Failure(
        string doing, ReadOnlySpan<byte> request, NetlinkReply reply, LinkReference link, InterfaceAddress address) => NetlinkException.From(
            $"{doing} the address {address} on the link '{Excerpt.Of(link.ToString())}'", address.ToString(), request, reply.Acknowledgement);
}
