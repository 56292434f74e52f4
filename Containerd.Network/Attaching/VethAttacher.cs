using System.Net.NetworkInformation;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Containerd.Network;

/// <summary>Connects containers by a virtual cable: one end inside, the other one here, a port of a bridge if one is
/// given.</summary>
/// <remarks>
/// <para>The host's end is called <c>veth</c> and eleven hexadecimal digits derived from the container's ID and the
/// link's name inside, and carries
/// both as its alias: attaching a container twice is <see cref="ErrorKind.AlreadyExists"/>, and <see cref="DetachAsync"/>
/// deletes a
/// link only where name, kind and alias agree.</para>
/// <para>A host that lost the <see cref="NetworkAttachment"/> may detach with one that it makes from the container's ID
/// and one interface of that name.</para>
/// <para>Thread-safe. Needs CAP_NET_ADMIN in both namespaces and CAP_SYS_ADMIN to enter the container's.</para>
/// </remarks>
public sealed partial class VethAttacher : INetworkAttacher
{
    private const string Kind = "veth";

    private readonly RouteNetlinkClient _host;
    private readonly ILoggerFactory _loggerFactory;
    private readonly ILogger _logger;
    private readonly string? _bridge;
    private readonly string _interfaceName;
    private readonly int? _mtu;
    private readonly int _group;
    private readonly Func<string, CancellationToken, ValueTask<VethEndpoint>>? _endpoint;

    /// <summary>Creates an attacher.</summary>
    /// <param name="host">The namespace of the other ends and the bridge. Not disposed by the attacher.</param>
    /// <param name="options">How to connect; null is the defaults.</param>
    /// <param name="loggerFactory">Where to log; null is nowhere.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.InvalidArgument"/>: no link can have one of the
    /// names.</exception>
    public VethAttacher(RouteNetlinkClient host, VethAttacherOptions? options = null, ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(host);
        options ??= new VethAttacherOptions();
        LinkName.Check(options.InterfaceName);
        if (options.Bridge is not null)
            LinkName.CheckLookup(options.Bridge);
        _host = host;
        _loggerFactory = loggerFactory ?? NullLoggerFactory.Instance;
        _logger = _loggerFactory.CreateLogger<VethAttacher>();
        _bridge = options.Bridge;
        _interfaceName = options.InterfaceName;
        _mtu = options.Mtu;
        _group = options.Group;
        _endpoint = options.Endpoint;
    }

    /// <inheritdoc/>
    /// <value><c>veth</c>.</value>
    public string Name => Kind;

    /// <inheritdoc/>
    /// <exception cref="ContainerdException">Also <see cref="ErrorKind.InvalidArgument"/>: the ID is no identifier,
    /// the path is no network
    /// namespace or is that of the host, or the kernel takes an address or a route not. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: the gateway of a route cannot be reached.</exception>
    public async Task<NetworkAttachment> AttachAsync(string containerId, string networkNamespacePath, CancellationToken cancellationToken)
    {
        Identifier.Check(containerId, "container ID");
        ArgumentException.ThrowIfNullOrEmpty(networkNamespacePath);
        NetworkNamespace networkNamespace = NetworkNamespace.Open(networkNamespacePath);
        await using ConfiguredAsyncDisposable namespaceScope = networkNamespace.ConfigureAwait(false);
        if (networkNamespace.Identity == _host.NamespaceIdentity)
        {
            throw new ContainerdException(
                ErrorKind.InvalidArgument,
                $"'{Excerpt.Of(networkNamespacePath)}' is the host's own network namespace; a container in it needs no attachment.")
            {
                Subject = networkNamespacePath,
            };
        }
        VethEndpoint endpoint = _endpoint is null
            ? new VethEndpoint()
            : await _endpoint(containerId, cancellationToken).ConfigureAwait(false);

        Link host = await _host.Links.CreateVethAsync(
            new VethPair(HostLinkName(containerId, _interfaceName))
            {
                Group = _group,
                Mtu = _mtu,
                Master = _bridge is null ? (LinkReference?)null : LinkReference.ByName(_bridge),
                Alias = AliasOf(containerId, _interfaceName),
                PeerName = _interfaceName,
                PeerNamespace = networkNamespace,
                PeerHardwareAddress = endpoint.HardwareAddress,
            },
            cancellationToken).ConfigureAwait(false);
        try
        {
            Link inside = await ConfigureAsync(networkNamespace, endpoint, cancellationToken).ConfigureAwait(false);
            LogAttached(containerId, networkNamespacePath, host.Name, inside.Name);
            return Describe(containerId, networkNamespacePath, host, inside, endpoint);
        }
        catch
        {
            // The other end goes with it, and its addresses and routes with that.
            await _host.Links.DeleteAsync(host, CancellationToken.None).ConfigureAwait(false);
            LogRolledBack(containerId, host.Name);
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task DetachAsync(NetworkAttachment attachment, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(attachment);
        if (attachment.Attacher != Kind)
            throw new ArgumentException($"The attachment was made by '{Excerpt.Of(attachment.Attacher)}', not by '{Kind}'.", nameof(attachment));
        foreach (NetworkInterface made in attachment.Interfaces.Reverse())
        {
            string name = StoredName(attachment) ?? HostLinkName(attachment.ContainerId, made.Name);
            // The container's namespace may be gone, and with it both ends; or somebody else may have made a link of that name.
            if (await _host.Links.FindAsync(name, cancellationToken).ConfigureAwait(false) is { Kind: Kind } link
                && link.Alias == AliasOf(attachment.ContainerId, made.Name))
            {
                await _host.Links.DeleteAsync(link, cancellationToken).ConfigureAwait(false);
                LogDetached(attachment.ContainerId, link.Name);
            }
        }
    }

    internal static string HostLinkName(string containerId, string interfaceName) =>
        "veth" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(AliasOf(containerId, interfaceName))))[..11];

    private static string AliasOf(string containerId, string interfaceName) => $"{containerId}/{interfaceName}";

    private async Task<Link> ConfigureAsync(NetworkNamespace networkNamespace, VethEndpoint endpoint, CancellationToken cancellationToken)
    {
        var client = new RouteNetlinkClient(networkNamespace, _loggerFactory);
        await using ConfiguredAsyncDisposable scope = client.ConfigureAwait(false);
        Link inside = await client.Links.GetAsync(_interfaceName, cancellationToken).ConfigureAwait(false);
        foreach (InterfaceAddress address in endpoint.Addresses)
            await client.Addresses.AddAsync(inside, address, skipDuplicateDetection: true, cancellationToken).ConfigureAwait(false);
        await client.Links.SetUpAsync(inside, cancellationToken).ConfigureAwait(false);
        foreach (Route route in endpoint.Routes)
        {
            Route complete = route is { Link: null, Gateway: null } ? route with { Link = inside } : route;
            await client.Routes.AddAsync(complete, cancellationToken).ConfigureAwait(false);
        }
        return inside;
    }

    private NetworkAttachment Describe(string containerId, string path, Link host, Link inside, VethEndpoint endpoint) => new()
    {
        Attacher = Kind,
        ContainerId = containerId,
        NetworkNamespacePath = path,
        Interfaces =
        [
            new NetworkInterface
            {
                Name = inside.Name,
                HardwareAddress = inside.HardwareAddress is { } address ? Format(address) : null,
                Mtu = _mtu,
                Addresses = [.. endpoint.Addresses.Select(given => given.ToString())],
            },
        ],
        State = JsonSerializer.SerializeToElement(new VethAttachmentState(host.Name), VethAttachmentJson.Default.VethAttachmentState),
    };

    private static string? StoredName(NetworkAttachment attachment)
    {
        if (attachment.State is not { ValueKind: JsonValueKind.Object } state)
            return null;
        try
        {
            return state.Deserialize(VethAttachmentJson.Default.VethAttachmentState)?.HostLink;
        }
        catch (JsonException e)
        {
            throw new ContainerdException(
                ErrorKind.DataCorrupted, $"The stored state of the attachment of '{Excerpt.Of(attachment.ContainerId)}' is not what this attacher wrote.", e)
            {
                Subject = attachment.ContainerId,
            };
        }
    }

    private static string Format(PhysicalAddress address) =>
        string.Join(':', address.GetAddressBytes().Select(octet => octet.ToString("x2", System.Globalization.CultureInfo.InvariantCulture)));

    [LoggerMessage(5011, LogLevel.Information, "Attached container {ContainerId} ({Namespace}): {HostLink} to {Link}")]
    private partial void LogAttached(string containerId, string @namespace, string hostLink, string link);

    [LoggerMessage(5012, LogLevel.Warning, "Attaching container {ContainerId} failed; {HostLink} and its peer were deleted")]
    private partial void LogRolledBack(string containerId, string hostLink);

    [LoggerMessage(5013, LogLevel.Information, "Detached container {ContainerId}: deleted {HostLink}")]
    private partial void LogDetached(string containerId, string hostLink);
}
