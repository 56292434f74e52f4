using System.Net;
using System.Net.Sockets;

namespace Containerd.Images;

/// <summary>The handler that requests go through where the host gives none.</summary>
internal static class RegistryHandler
{
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(2);

    public static SocketsHttpHandler Create(TimeSpan connectTimeout) => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = connectTimeout,
        MaxResponseHeadersLength = 64,
        // Long-lived clients follow changes of DNS only when connections end.
        PooledConnectionLifetime = ConnectionLifetime,
        ConnectCallback = ConnectAsync,
    };

    private static async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, cancellationToken).ConfigureAwait(false);
            var stream = new NetworkStream(socket, ownsSocket: true);
            // A proxy answers in plain HTTP before the tunnel to the registry stands.
            return context.InitialRequestMessage.RequestUri is { } url && url.IdnHost == context.DnsEndPoint.Host && url.Port == context.DnsEndPoint.Port
                ? new WireProbe(stream, expectsTls: url.Scheme == Uri.UriSchemeHttps)
                : stream;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
