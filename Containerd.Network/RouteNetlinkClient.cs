using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Network;

/// <summary>The links, addresses and routes of one network namespace, over rtnetlink.</summary>
/// <remarks>
/// <para>The socket is opened by the first request, on a thread of its own that enters the namespace and ends; the
/// namespace of no
/// other thread is ever changed. A socket that lost messages is replaced by the next request.</para>
/// <para>Thread-safe: requests of any number of callers run side by side. Requests that change something are carried out by the
/// kernel while they are sent, so a token stops them before that, and never half-way. Cancelling a request that reads
/// stops the waiting.</para>
/// <para>Reading needs no privilege in the namespace of this process; entering another one needs CAP_SYS_ADMIN, and changing
/// something CAP_NET_ADMIN, in the user namespace that owns the network namespace. Kernel: Linux 5.5 or newer.</para>
/// <para>Disposal closes the socket, fails requests under way with <see cref="ObjectDisposedException"/>, and changes
/// nothing in the
/// namespace. An undisposed client for a namespace keeps the namespace alive.</para>
/// </remarks>
/// <example>
/// <code>
/// await using var client = new RouteNetlinkClient(netns);
/// await client.Addresses.AddAsync("eth0", InterfaceAddress.Parse("10.1.0.2/24"), cancellationToken: ct);
/// await client.Links.SetUpAsync("eth0", ct);
/// await client.Routes.AddAsync(Route.DefaultVia(IPAddress.Parse("10.1.0.1")), ct);
/// </code>
/// </example>
public sealed partial class RouteNetlinkClient : IAsyncDisposable
{
    // One dump in ten is interrupted while somebody else makes and deletes links all the time; bad luck of this length is none.
    private const int MaxDumpAttempts = 32;

    private readonly Lock _gate = new();
    private readonly SafeFileHandle? _namespace;
    private readonly NetworkNamespaceIdentity? _identity;
    private readonly string _subject;
    private readonly ILogger _logger;
    private Task<RouteNetlinkConnection>? _connection;
    private bool _disposed;

    /// <summary>Creates a client. Opens no socket yet.</summary>
    /// <param name="networkNamespace">The namespace; the client keeps a handle of its own, so that it may be disposed.
    /// Null is the namespace of this process.</param>
    /// <param name="loggerFactory">Where to log; null is nowhere.</param>
    /// <exception cref="ObjectDisposedException"><paramref name="networkNamespace"/> is disposed.</exception>
    public RouteNetlinkClient(NetworkNamespace? networkNamespace = null, ILoggerFactory? loggerFactory = null)
    {
        _namespace = networkNamespace?.Duplicate();
        _subject = networkNamespace?.Path ?? "of this process";
        _identity = networkNamespace?.Identity;
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<RouteNetlinkClient>();
        Links = new NetworkLinks(this);
        Addresses = new NetworkAddresses(this);
        Routes = new NetworkRoutes(this);
    }

    /// <summary>The links (network interfaces) of the namespace.</summary>
    public NetworkLinks Links { get; }

    /// <summary>The addresses on its links.</summary>
    public NetworkAddresses Addresses { get; }

    /// <summary>Where packets that leave the namespace go.</summary>
    public NetworkRoutes Routes { get; }

    /// <summary>Which namespace it is.</summary>
    internal NetworkNamespaceIdentity NamespaceIdentity => _identity ?? NetworkNamespace.CurrentIdentity();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Task<RouteNetlinkConnection>? connection;
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
            connection = _connection;
        }
        if (connection is not null)
        {
            // One that failed to open has told the caller that opened it, and holds nothing.
            await ((Task)connection).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (connection.IsCompletedSuccessfully)
                await (await connection.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
        }
        _namespace?.Dispose();
    }

    /// <summary>A request that changes something. The token counts until it is sent.</summary>
    /// <returns>The reply, positive or negative.</returns>
    internal async Task<NetlinkReply> ChangeAsync(byte[] request, CancellationToken cancellationToken)
    {
        RouteNetlinkConnection connection = await ConnectAsync(cancellationToken).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        NetlinkReply reply = await connection.RequestAsync(request, CancellationToken.None).ConfigureAwait(false);
        LogWarning(reply);
        return reply;
    }

    /// <summary>A request for one object.</summary>
    /// <returns>The reply, positive or negative.</returns>
    internal async Task<NetlinkReply> GetAsync(byte[] request, CancellationToken cancellationToken)
    {
        RouteNetlinkConnection connection = await ConnectAsync(cancellationToken).ConfigureAwait(false);
        return await connection.RequestAsync(request, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A request for a list, repeated until no change interrupted it.</summary>
    /// <returns>The messages.</returns>
    internal async Task<ReadOnlyMemory<byte>> DumpAsync(byte[] request, string doing, string subject, CancellationToken cancellationToken)
    {
        for (int attempt = 1; attempt <= MaxDumpAttempts; attempt++)
        {
            NetlinkReply reply = await GetAsync(request, cancellationToken).ConfigureAwait(false);
            if (reply.Acknowledgement.Errno != 0)
                throw NetlinkException.From(doing, subject, request, reply.Acknowledgement);
            if (!reply.IsInterrupted)
                return reply.Messages;
            LogInterrupted(doing, attempt);
        }
        throw new NetlinkException(
            ErrorKind.Unavailable,
            $"{doing} failed: the list changed while the kernel made it, {MaxDumpAttempts} times running. Ask for single objects, or try again later.")
        {
            Subject = subject,
        };
    }

    /// <summary>The connection; a broken one is replaced.</summary>
    internal async ValueTask<RouteNetlinkConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task<RouteNetlinkConnection> opening;
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                if (_connection is null or { IsFaulted: true } or { IsCanceled: true })
                    _connection = RouteNetlinkConnection.OpenAsync(_namespace, _subject);
                opening = _connection;
            }
            RouteNetlinkConnection connection = await opening.WaitAsync(cancellationToken).ConfigureAwait(false);
            if (!connection.IsBroken)
                return connection;
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                if (_connection != opening)
                    continue;
                _connection = null;
            }
            LogReopened(_subject);
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    private void LogWarning(NetlinkReply reply)
    {
        if (reply.Acknowledgement is { Errno: 0, Message: { Length: > 0 } text })
            LogKernelWarning(Excerpt.Of(text));
    }

    [LoggerMessage(5001, LogLevel.Warning, "The rtnetlink socket in the network namespace {Namespace} broke and is opened anew")]
    private partial void LogReopened(string @namespace);

    [LoggerMessage(5002, LogLevel.Debug, "{Doing}: interrupted by a change, attempt {Attempt}")]
    private partial void LogInterrupted(string doing, int attempt);

    [LoggerMessage(5003, LogLevel.Information, "The kernel carried out a request and warned: {Warning}")]
    private partial void LogKernelWarning(string warning);
}
