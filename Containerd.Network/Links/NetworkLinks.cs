using System.Net.NetworkInformation;

namespace Containerd.Network;

/// <summary>The links of one network namespace; a <see cref="RouteNetlinkClient"/> has it.</summary>
/// <remarks>
/// <para>Thread-safe. Each change is one request that the kernel carries out whole or not at all, unless a member says
/// otherwise;
/// a token counts until it is sent. Any member may also throw <see cref="ErrorKind.PermissionDenied"/> (CAP_NET_ADMIN is
/// missing) and <see cref="ErrorKind.Unavailable"/> (the socket lost messages; the next call opens another one).</para>
/// <para>What the kernel refuses is a <see cref="NetlinkException"/> that names the attribute, where the kernel does.</para>
/// </remarks>
public sealed class NetworkLinks
{
    private readonly RouteNetlinkClient _client;

    internal NetworkLinks(RouteNetlinkClient client) => _client = client;

    private delegate void AttributeWriter(ref NetlinkMessageWriter writer);

    /// <summary>Makes a virtual cable, both ends where they belong and under their final names, in one request.</summary>
    /// <param name="pair">What to make.</param>
    /// <param name="cancellationToken">Stops the call; no link is left behind.</param>
    /// <returns>The end in this namespace, as it is afterwards.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.AlreadyExists"/>: one of the names is taken. -or-
    /// <see cref="ErrorKind.NotFound"/>: there is no such master. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the kernel refuses a value, or the master is none. -or-
    /// <see cref="ErrorKind.NotSupported"/>: the kernel lacks veth.</exception>
    public async Task<Link> CreateVethAsync(VethPair pair, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(pair);
        using Interop.HandleLease peerNamespace = pair.PeerNamespace?.Lease() ?? default;
        return await CreateAsync(pair, peerNamespace, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Makes a bridge.</summary>
    /// <param name="bridge">What to make.</param>
    /// <param name="cancellationToken">Stops the call; no link is left behind.</param>
    /// <returns>The bridge as it is afterwards.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.AlreadyExists"/>: the name is taken. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the kernel refuses a value. -or-
    /// <see cref="ErrorKind.NotSupported"/>: the kernel lacks bridges, or what one of the members asks for (VLAN
    /// filtering).</exception>
    public Task<Link> CreateBridgeAsync(Bridge bridge, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(bridge);
        return CreateAsync(bridge, default, cancellationToken);
    }

    /// <summary>Makes a macvlan beside its parent.</summary>
    /// <param name="macVlan">What to make.</param>
    /// <param name="cancellationToken">Stops the call; no link is left behind.</param>
    /// <returns>The macvlan as it is afterwards.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.AlreadyExists"/>: the name is taken. -or-
    /// <see cref="ErrorKind.NotFound"/>: there is no such parent or master. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the kernel refuses a value, or the parent cannot carry one. -or-
    /// <see cref="ErrorKind.NotSupported"/>: the kernel lacks macvlan.</exception>
    public Task<Link> CreateMacVlanAsync(MacVlan macVlan, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(macVlan);
        return CreateAsync(macVlan, default, cancellationToken);
    }

    /// <summary>The link meant; null where there is none.</summary>
    /// <param name="link">Which link.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<Link?> FindAsync(LinkReference link, CancellationToken cancellationToken = default)
    {
        NetlinkReply? reply = await FindAsync(link, LinkMessage.SkipStatistics, cancellationToken).ConfigureAwait(false);
        return reply is null ? null : LinkMessage.ParseAll(reply.Messages.Span) is [Link found, ..] ? found : null;
    }

    /// <summary>The link meant.</summary>
    /// <param name="link">Which link.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is none.</exception>
    public async Task<Link> GetAsync(LinkReference link, CancellationToken cancellationToken = default) =>
        await FindAsync(link, cancellationToken).ConfigureAwait(false) ?? throw NotFound(link);

    /// <summary>The counters of a link.</summary>
    /// <param name="link">Which link.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is no such link.</exception>
    public async Task<LinkStatistics> GetStatisticsAsync(LinkReference link, CancellationToken cancellationToken = default)
    {
        NetlinkReply reply = await FindAsync(link, 0, cancellationToken).ConfigureAwait(false) ?? throw NotFound(link);
        return LinkMessage.ParseStatistics(reply.Messages.Span)
            ?? throw new ContainerdException(ErrorKind.NotSupported, $"The kernel keeps no counters for the link '{link}'.") { Subject = link.ToString() };
    }

    /// <summary>Every link of the namespace, or those of a kind or a master, in the kernel's order.</summary>
    /// <remarks>Consistent: a list that a change interrupted is made again. Where one link is meant,
    /// <see cref="FindAsync(LinkReference, CancellationToken)"/> costs less.</remarks>
    /// <param name="kind">Only links of this kind (<c>veth</c>); null is all.</param>
    /// <param name="master">Only ports of this master; null is all.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is no such master. -or-
    /// <see cref="ErrorKind.Unavailable"/>: links came and went so fast that no list was consistent.</exception>
    public async Task<IReadOnlyList<Link>> ListAsync(
        string? kind = null, LinkReference? master = null, CancellationToken cancellationToken = default)
    {
        int? masterIndex = master is { } reference ? await ResolveAsync(reference, cancellationToken).ConfigureAwait(false) : null;
        byte[] request = ListRequest(kind, masterIndex);
        ReadOnlyMemory<byte> messages = await _client.DumpAsync(request, "Listing links", "links", cancellationToken).ConfigureAwait(false);
        List<Link> links = LinkMessage.ParseAll(messages.Span);
        // Again on our side: a kernel that does not know the filter sends everything.
        links.RemoveAll(link => (kind is not null && link.Kind != kind) || (masterIndex is not null && link.MasterIndex != masterIndex));
        return links;
    }

    /// <summary>Sets a link up.</summary>
    /// <param name="link">Which link.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is no such link.</exception>
    public Task SetUpAsync(LinkReference link, CancellationToken cancellationToken = default) =>
        SetAsync(link, "Setting up", LinkFlags.Up, LinkFlags.Up, null, cancellationToken);

    /// <summary>Sets a link down. Its routes go, and by default its IPv6 addresses.</summary>
    /// <param name="link">Which link.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is no such link.</exception>
    public Task SetDownAsync(LinkReference link, CancellationToken cancellationToken = default) =>
        SetAsync(link, "Setting down", LinkFlags.None, LinkFlags.Up, null, cancellationToken);

    /// <summary>Gives a link another name.</summary>
    /// <param name="link">Which link.</param>
    /// <param name="name">Its new name: 1 to 15 bytes.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is no such link. -or-
    /// <see cref="ErrorKind.AlreadyExists"/>: the name is taken. -or- <see cref="ErrorKind.InvalidArgument"/>: no link
    /// can have the name. -or-
    /// <see cref="ErrorKind.Unavailable"/>: the link is up and the kernel (before Linux 6.2) renames only what is
    /// down.</exception>
    public async Task RenameAsync(LinkReference link, string name, CancellationToken cancellationToken = default)
    {
        LinkName.Check(name);
        // With a name in the header's place the kernel would take the new name for the one to look for.
        int index = await ResolveAsync(link, cancellationToken).ConfigureAwait(false);
        await SetAsync(index, "Renaming", 0, 0, (ref w) => w.Write(LinkAttribute.IFLA_IFNAME, name), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sets a link's maximum transmission unit.</summary>
    /// <param name="link">Which link.</param>
    /// <param name="mtu">Bytes; the driver bounds them.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is no such link. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the driver does not take the value.</exception>
    public Task SetMtuAsync(LinkReference link, int mtu, CancellationToken cancellationToken = default) =>
        SetAsync(link, "Setting the MTU of", 0, 0, (ref w) => w.Write(LinkAttribute.IFLA_MTU, mtu), cancellationToken);

    /// <summary>Sets a link's hardware address.</summary>
    /// <param name="link">Which link.</param>
    /// <param name="address">The address.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is no such link. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the address is none for the link. -or-
    /// <see cref="ErrorKind.Unavailable"/>: the driver changes it only while the link is down.</exception>
    public Task SetHardwareAddressAsync(LinkReference link, PhysicalAddress address, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(address);
        return SetAsync(
            link, "Setting the hardware address of", 0, 0, (ref w) => w.Write(LinkAttribute.IFLA_ADDRESS, address.GetAddressBytes()), cancellationToken);
    }

    /// <summary>Makes a link a port of a bridge or another master, or of none.</summary>
    /// <param name="link">Which link.</param>
    /// <param name="master">The master; null is none.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is no such link or master. -or-
    /// <see cref="ErrorKind.NotSupported"/>: the master takes no ports. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the link cannot be a port.</exception>
    public async Task SetMasterAsync(LinkReference link, LinkReference? master, CancellationToken cancellationToken = default)
    {
        int index = master is { } reference ? await ResolveAsync(reference, cancellationToken).ConfigureAwait(false) : 0;
        await SetAsync(link, "Setting the master of", 0, 0, (ref w) => w.Write(LinkAttribute.IFLA_MASTER, index), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sets the free text that a link carries.</summary>
    /// <param name="link">Which link.</param>
    /// <param name="alias">At most 255 bytes of UTF-8; empty removes it.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is no such link. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the text is too long.</exception>
    public Task SetAliasAsync(LinkReference link, string alias, CancellationToken cancellationToken = default)
    {
        LinkName.CheckAlias(alias);
        return SetAsync(link, "Setting the alias of", 0, 0, (ref w) => w.Write(LinkAttribute.IFLA_IFALIAS, alias), cancellationToken);
    }

    /// <summary>Moves a link to another namespace, where it is down and without addresses.</summary>
    /// <remarks>Where it is made anew anyway, making it in place (<see cref="VethPair.PeerNamespace"/>) is faster and
    /// clashes with no name here.</remarks>
    /// <param name="link">Which link.</param>
    /// <param name="networkNamespace">Where to.</param>
    /// <param name="name">Its name there: 1 to 15 bytes; null keeps it.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is no such link. -or-
    /// <see cref="ErrorKind.AlreadyExists"/>: the name is taken there. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the link cannot be moved (a loopback).</exception>
    public async Task MoveAsync(
        LinkReference link, NetworkNamespace networkNamespace, string? name = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(networkNamespace);
        if (name is not null)
            LinkName.Check(name);
        using Interop.HandleLease lease = networkNamespace.Lease();
        int index = await ResolveAsync(link, cancellationToken).ConfigureAwait(false);
        await SetAsync(index, "Moving", 0, 0, WriteTarget, cancellationToken).ConfigureAwait(false);

        void WriteTarget(ref NetlinkMessageWriter writer)
        {
            writer.Write(LinkAttribute.IFLA_NET_NS_FD, lease);
            if (name is not null)
                writer.Write(LinkAttribute.IFLA_IFNAME, name);
        }
    }

    /// <summary>Deletes a link, a veth's peer with it. Idempotent: a link that does not exist is no error.</summary>
    /// <remarks>Takes some 16 ms, which the kernel spends waiting for readers; for many use
    /// <see cref="DeleteGroupAsync"/>.</remarks>
    /// <param name="link">Which link.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotSupported"/>: it is hardware, or a loopback.</exception>
    public async Task DeleteAsync(LinkReference link, CancellationToken cancellationToken = default)
    {
        link.Check();
        byte[] request = Request(MessageType.DeleteLink, link, 0, 0, null);
        NetlinkReply reply = await _client.ChangeAsync(request, cancellationToken).ConfigureAwait(false);
        if (reply.Acknowledgement.Errno is not (0 or Interop.ENODEV))
            throw NetlinkException.From($"Deleting the link '{Excerpt.Of(link.ToString())}'", link.ToString(), request, reply.Acknowledgement);
    }

    /// <summary>Deletes every link of a group in one request, much faster than one after the other. Idempotent: an empty
    /// group is no error.</summary>
    /// <param name="group">The group, which is yours alone: whoever else uses it loses its links.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.InvalidArgument"/>: group 0, that of every link which
    /// has no other one. -or-
    /// <see cref="ErrorKind.NotSupported"/>: a link of the group is hardware; none is deleted.</exception>
    public async Task DeleteGroupAsync(int group, CancellationToken cancellationToken = default)
    {
        if (group == 0)
        {
            throw new ContainerdException(ErrorKind.InvalidArgument, "Group 0 holds every link that was given no other group; it is never deleted as a whole.")
            {
                Subject = "group 0",
            };
        }
        var writer = new NetlinkMessageWriter(MessageType.DeleteLink, NetlinkFlags.None);
        writer.WriteHeader(default(LinkHeader));
        writer.Write(LinkAttribute.IFLA_GROUP, group);
        byte[] request = writer.ToArray();
        NetlinkReply reply = await _client.ChangeAsync(request, cancellationToken).ConfigureAwait(false);
        if (reply.Acknowledgement.Errno is not (0 or Interop.ENODEV))
            throw NetlinkException.From($"Deleting the links of group {group}", $"group {group}", request, reply.Acknowledgement);
    }

    /// <summary>The index of a link, without a request where it is given.</summary>
    internal async ValueTask<int> ResolveAsync(LinkReference link, CancellationToken cancellationToken)
    {
        link.Check();
        return link.Name is null ? link.Index : (await GetAsync(link, cancellationToken).ConfigureAwait(false)).Index;
    }

    internal async Task<Link> CreateAsync(LinkDefinition definition, Interop.HandleLease peerNamespace, CancellationToken cancellationToken)
    {
        if (definition.Alias is { } text)
            LinkName.CheckAlias(text);
        // Resolved first, so that a missing one is named; in the answer to the request itself it would be any ENODEV.
        int? master = definition.Master is { } m ? await ResolveAsync(m, cancellationToken).ConfigureAwait(false) : null;
        int? parent = definition is MacVlan { Parent: var p } ? await ResolveAsync(p, cancellationToken).ConfigureAwait(false) : null;
        byte[] request = CreateRequest(definition, master, parent, peerNamespace);
        NetlinkReply reply = await _client.ChangeAsync(request, cancellationToken).ConfigureAwait(false);
        if (reply.Acknowledgement.Errno != 0)
        {
            string peer = definition is VethPair { PeerName: { } peerName } ? $" with the peer '{Excerpt.Of(peerName)}'" : "";
            throw NetlinkException.From(
                $"Making the {definition.Kind} link '{Excerpt.Of(definition.Name)}'{peer}", definition.Name, request, reply.Acknowledgement);
        }
        // The echo tells the index, but was written before the master was set. Kernels that send none leave the name.
        LinkReference made = LinkMessage.ParseAll(reply.Messages.Span).Find(link => link.Name == definition.Name) is { } echo
            ? echo
            : definition.Name;
        try
        {
            if (definition.Alias is { } alias)
                await SetAliasAsync(made, alias, cancellationToken).ConfigureAwait(false);
            return await GetAsync(made, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await DeleteAsync(made, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    private static byte[] CreateRequest(LinkDefinition definition, int? master, int? parent, in Interop.HandleLease peerNamespace)
    {
        var writer = new NetlinkMessageWriter(MessageType.NewLink, NetlinkFlags.Create | NetlinkFlags.Excl | NetlinkFlags.Echo);
        LinkFlags up = definition.IsUp ? LinkFlags.Up : LinkFlags.None;
        writer.WriteHeader(new LinkHeader { Flags = up, Change = up });
        writer.Write(LinkAttribute.IFLA_IFNAME, definition.Name);
        if (parent is { } parentIndex)
            writer.Write(LinkAttribute.IFLA_LINK, parentIndex);
        if (definition.Mtu is { } mtu)
            writer.Write(LinkAttribute.IFLA_MTU, mtu);
        if (definition.HardwareAddress is { } address)
            writer.Write(LinkAttribute.IFLA_ADDRESS, address.GetAddressBytes());
        if (master is { } masterIndex)
            writer.Write(LinkAttribute.IFLA_MASTER, masterIndex);
        writer.Write(LinkAttribute.IFLA_GROUP, definition.Group);
        int info = writer.BeginNest(LinkAttribute.IFLA_LINKINFO);
        writer.Write(LinkInfoAttribute.IFLA_INFO_KIND, definition.Kind);
        int data = writer.BeginNest(LinkInfoAttribute.IFLA_INFO_DATA);
        definition.WriteData(ref writer, peerNamespace);
        writer.EndNest(data);
        writer.EndNest(info);
        return writer.ToArray();
    }

    private static byte[] ListRequest(string? kind, int? master)
    {
        var writer = new NetlinkMessageWriter(MessageType.GetLink, NetlinkFlags.Dump);
        writer.WriteHeader(default(LinkHeader));
        writer.Write(LinkAttribute.IFLA_EXT_MASK, LinkMessage.SkipStatistics);
        if (master is { } index)
            writer.Write(LinkAttribute.IFLA_MASTER, index);
        if (kind is not null)
        {
            int info = writer.BeginNest(LinkAttribute.IFLA_LINKINFO);
            writer.Write(LinkInfoAttribute.IFLA_INFO_KIND, kind);
            writer.EndNest(info);
        }
        return writer.ToArray();
    }

    private async Task<NetlinkReply?> FindAsync(LinkReference link, uint mask, CancellationToken cancellationToken)
    {
        link.Check();
        byte[] request = Request(MessageType.GetLink, link, 0, 0, (ref w) => w.Write(LinkAttribute.IFLA_EXT_MASK, mask));
        NetlinkReply reply = await _client.GetAsync(request, cancellationToken).ConfigureAwait(false);
        return reply.Acknowledgement.Errno switch
        {
            0 => reply,
            Interop.ENODEV => null,
            _ => throw NetlinkException.From($"Looking for the link '{Excerpt.Of(link.ToString())}'", link.ToString(), request, reply.Acknowledgement),
        };
    }

    private async Task SetAsync(
        LinkReference link, string doing, LinkFlags flags, LinkFlags change, AttributeWriter? write, CancellationToken cancellationToken)
    {
        link.Check();
        byte[] request = Request(MessageType.SetLink, link, flags, change, write);
        NetlinkReply reply = await _client.ChangeAsync(request, cancellationToken).ConfigureAwait(false);
        if (reply.Acknowledgement.Errno != 0)
            throw NetlinkException.From($"{doing} the link '{Excerpt.Of(link.ToString())}'", link.ToString(), request, reply.Acknowledgement);
    }

    private static byte[] Request(MessageType type, LinkReference link, LinkFlags flags, LinkFlags change, AttributeWriter? write)
    {
        var writer = new NetlinkMessageWriter(type, NetlinkFlags.None);
        writer.WriteHeader(new LinkHeader { Index = link.Index, Flags = flags, Change = change });
        if (link.Name is { } name)
            writer.Write(LinkName.IsPrimary(name) ? LinkAttribute.IFLA_IFNAME : LinkAttribute.IFLA_ALT_IFNAME, name);
        write?.Invoke(ref writer);
        return writer.ToArray();
    }

    private static ContainerdException NotFound(LinkReference link) =>
        new(ErrorKind.NotFound, $"There is no link '{Excerpt.Of(link.ToString())}' in the network namespace.")
        {
            Subject = link.ToString(),
            Errno = Interop.ENODEV,
        };
}
