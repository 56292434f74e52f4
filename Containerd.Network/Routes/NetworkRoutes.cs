using System.Net;
using System.Net.Sockets;

namespace Containerd.Network;

/// <summary>The unicast routes of one network namespace; a <see cref="RouteNetlinkClient"/> has it.</summary>
/// <remarks>Thread-safe; failures as for <see cref="NetworkLinks"/>.</remarks>
public sealed class NetworkRoutes
{
    // linux/uapi/linux/rtnetlink.h
    private const byte RT_TABLE_UNSPEC = 0;
    private const byte RT_SCOPE_NOWHERE = 255;
    private const byte RTPROT_STATIC = 4;
    private const byte RTN_UNICAST = 1;
    private const uint RTM_F_CLONED = 0x200;
    private const byte AF_INET = 2;
    private const byte AF_INET6 = 10;

    private static readonly byte[] Families = [AF_INET, AF_INET6];

    private readonly RouteNetlinkClient _client;

    internal NetworkRoutes(RouteNetlinkClient client) => _client = client;

    /// <summary>Adds a route. The link must be up and the gateway within reach.</summary>
    /// <param name="route">The route; it needs a gateway, a link, or both.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: there is no such link. -or-
    /// <see cref="ErrorKind.AlreadyExists"/>: the table has a route to the network with that metric. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: the link is down, or the gateway cannot be reached. -or-
    /// <see cref="ErrorKind.InvalidArgument"/>: the kernel takes no such route.</exception>
    public async Task AddAsync(Route route, CancellationToken cancellationToken = default)
    {
        Check(route);
        int? index = route.Link is { } link ? await _client.Links.ResolveAsync(link, cancellationToken).ConfigureAwait(false) : null;
        byte[] request = Request(MessageType.NewRoute, NetlinkFlags.Create | NetlinkFlags.Excl, route, index);
        NetlinkReply reply = await _client.ChangeAsync(request, cancellationToken).ConfigureAwait(false);
        if (reply.Acknowledgement.Errno != 0)
            throw Failure("Adding", request, reply, route);
    }

    /// <summary>Removes a route. Idempotent: one that is not there is no error, nor is a link that does not exist.</summary>
    /// <param name="route">The route; the members that are set must be those of the route to remove.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task RemoveAsync(Route route, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(route);
        int? index = null;
        if (route.Link is { } link)
        {
            if (await _client.Links.FindAsync(link, cancellationToken).ConfigureAwait(false) is not { } found)
                return;
            index = found.Index;
        }
        byte[] request = Request(MessageType.DeleteRoute, NetlinkFlags.None, route, index);
        NetlinkReply reply = await _client.ChangeAsync(request, cancellationToken).ConfigureAwait(false);
        if (reply.Acknowledgement.Errno is not (0 or Interop.ESRCH or Interop.ENODEV))
            throw Failure("Removing", request, reply, route);
    }

    /// <summary>The unicast routes of a table, IPv4 before IPv6.</summary>
    /// <remarks>A route over several gateways has neither gateway nor link here.</remarks>
    /// <param name="table">The table.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.Unavailable"/>: routes came and went so fast that no
    /// list was consistent.</exception>
    public async Task<IReadOnlyList<Route>> ListAsync(int table = Route.MainTable, CancellationToken cancellationToken = default)
    {
        var routes = new List<Route>();
        foreach (byte family in Families)
        {
            var writer = new NetlinkMessageWriter(MessageType.GetRoute, NetlinkFlags.Dump);
            writer.WriteHeader(new RouteHeader { Family = family });
            byte[] request = writer.ToArray();
            ReadOnlyMemory<byte> messages = await _client.DumpAsync(request, "Listing routes", "routes", cancellationToken).ConfigureAwait(false);
            ParseInto(routes, messages.Span, table);
        }
        return routes;
    }

    internal static void ParseInto(List<Route> routes, ReadOnlySpan<byte> messages, int table)
    {
        var reader = new NetlinkMessageReader(messages);
        while (reader.MoveNext())
        {
            if (reader.Header.Type == MessageType.NewRoute && Parse(reader.Payload) is { } route && route.Table == table)
                routes.Add(route);
        }
    }

    private static Route? Parse(ReadOnlySpan<byte> payload)
    {
        NetlinkAttributeReader attributes = NetlinkAttributeReader.After(payload, out RouteHeader header);
        if (header.Type != RTN_UNICAST || (header.Flags & RTM_F_CLONED) != 0 || header.Family is not (AF_INET or AF_INET6))
            return null;
        IPAddress destination = header.Family == AF_INET ? IPAddress.Any : IPAddress.IPv6Any;
        if (header.DestinationLength > destination.GetAddressBytes().Length * 8)
            throw NetlinkFormat.Corrupted($"a route has a prefix of {header.DestinationLength} bits");
        IPAddress? gateway = null, source = null;
        int? link = null, metric = null;
        int table = header.Table;
        while (attributes.MoveNext())
        {
            switch ((RouteAttribute)attributes.Type)
            {
                case RouteAttribute.RTA_DST:
                    destination = attributes.ReadIPAddress();
                    break;
                case RouteAttribute.RTA_GATEWAY:
                    gateway = attributes.ReadIPAddress();
                    break;
                case RouteAttribute.RTA_OIF:
                    link = attributes.ReadInt32();
                    break;
                case RouteAttribute.RTA_PRIORITY:
                    metric = attributes.ReadInt32();
                    break;
                case RouteAttribute.RTA_PREFSRC:
                    source = attributes.ReadIPAddress();
                    break;
                case RouteAttribute.RTA_TABLE:
                    table = attributes.ReadInt32();
                    break;
            }
        }
        return new Route
        {
            Destination = IPNetwork.TryParse($"{destination}/{header.DestinationLength}", out IPNetwork network)
                ? network
                : throw NetlinkFormat.Corrupted($"a route leads to {destination}/{header.DestinationLength}, which is no network"),
            Gateway = gateway,
            Link = link is > 0 and { } index ? LinkReference.ByIndex(index) : (LinkReference?)null,
            Metric = metric,
            PreferredSource = source,
            Table = table,
        };
    }

    private static byte[] Request(MessageType type, NetlinkFlags flags, Route route, int? link)
    {
        bool isIPv4 = route.Destination.BaseAddress.AddressFamily == AddressFamily.InterNetwork;
        bool isRemoval = type == MessageType.DeleteRoute;
        var writer = new NetlinkMessageWriter(type, flags);
        writer.WriteHeader(new RouteHeader
        {
            Family = isIPv4 ? AF_INET : AF_INET6,
            DestinationLength = (byte)route.Destination.PrefixLength,
            Table = route.Table is > 0 and < 256 ? (byte)route.Table : RT_TABLE_UNSPEC,
            Protocol = isRemoval ? (byte)0 : RTPROT_STATIC,
            // In a removal NOWHERE means any scope.
            Scope = isRemoval ? RT_SCOPE_NOWHERE : isIPv4 && route.Gateway is null ? (byte)AddressScope.Link : (byte)AddressScope.Universe,
            Type = isRemoval ? (byte)0 : RTN_UNICAST,
        });
        if (route.Destination.PrefixLength > 0)
            writer.Write(RouteAttribute.RTA_DST, route.Destination.BaseAddress);
        if (route.Gateway is { } gateway)
            writer.Write(RouteAttribute.RTA_GATEWAY, gateway);
        if (link is { } index)
            writer.Write(RouteAttribute.RTA_OIF, index);
        if (route.Metric is { } metric)
            writer.Write(RouteAttribute.RTA_PRIORITY, metric);
        if (route.PreferredSource is { } source)
            writer.Write(RouteAttribute.RTA_PREFSRC, source);
        writer.Write(RouteAttribute.RTA_TABLE, route.Table);
        return writer.ToArray();
    }

    private static void Check(Route route)
    {
        ArgumentNullException.ThrowIfNull(route);
        string? fault = route switch
        {
            { Gateway: null, Link: null } => "it has neither a gateway nor a link",
            { Gateway: { } gateway } when gateway.AddressFamily != route.Destination.BaseAddress.AddressFamily => "its gateway is of another family",
            _ => null,
        };
        if (fault is not null)
            throw new ContainerdException(ErrorKind.InvalidArgument, $"The route {route} cannot be added: {fault}.") { Subject = route.ToString() };
    }

    private static NetlinkException Failure(string doing, ReadOnlySpan<byte> request, NetlinkReply reply, Route route) =>
        NetlinkException.From($"{doing} the route {route}", route.ToString(), request, reply.Acknowledgement);
}
