namespace Containerd.Images;

/// <summary>How <see cref="HttpRegistry"/> talks to registries.</summary>
public sealed class HttpRegistryOptions
{
    /// <summary>Registries that are spoken to without TLS, written as in image references: <c>registry.internal:5000</c>.</summary>
    /// <value>Empty: TLS everywhere. There is never a silent fall-back from TLS to plain HTTP, on any host.</value>
    public ISet<string> PlainHttpHosts { get; } = new HashSet<string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether registries on this machine (<c>localhost</c>, <c>127.0.0.0/8</c>, <c>[::1]</c>) are spoken to without TLS.</summary>
    /// <value>False.</value>
    public bool PlainHttpOnLoopback { get; set; }

    /// <summary>Makes the handler that all requests go through; called once, when the registry is made, which disposes it.</summary>
    /// <value>
    /// Null: a <see cref="SocketsHttpHandler"/> that uses the system's proxy and certificate authorities. To trust another authority, present a client certificate or
    /// use another proxy, give a handler of one's own. It must not follow redirects, nor decompress, nor keep cookies: redirects are followed by the registry, which
    /// knows where credentials may go.
    /// </value>
    public Func<HttpMessageHandler>? HandlerFactory { get; set; }

    /// <summary>How long making a connection may take. Not used with <see cref="HandlerFactory"/>, whose handler has a limit of its own.</summary>
    /// <value>30 seconds.</value>
    /// <exception cref="ArgumentOutOfRangeException">Zero or negative.</exception>
    public TimeSpan ConnectTimeout { get; set => field = Positive(value); } = TimeSpan.FromSeconds(30);

    /// <summary>How long nothing may move: no reply to a request, no byte of a body. There is no limit for a transfer as a whole.</summary>
    /// <value>60 seconds.</value>
    /// <exception cref="ArgumentOutOfRangeException">Zero or negative.</exception>
    public TimeSpan NoProgressTimeout { get; set => field = Positive(value); } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How often a request is repeated that was answered with 408, 429 or a server error or whose connection broke, or a body resumed that broke or stalled without a byte
    /// of progress. A request that gets no reply in <see cref="NoProgressTimeout"/> is not repeated.
    /// </summary>
    /// <value>4.</value>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public int MaxRetries
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    } = 4;

    /// <summary>
    /// How long to wait before the first repetition; each further one waits twice as long, at most 5 seconds, less up to a quarter by chance. Where the registry says
    /// how long to wait (<c>Retry-After</c>) that counts, up to a minute; if it is longer, the request fails at once.
    /// </summary>
    /// <value>500 milliseconds.</value>
    /// <exception cref="ArgumentOutOfRangeException">Zero or negative.</exception>
    public TimeSpan RetryDelay { get; set => field = Positive(value); } = TimeSpan.FromMilliseconds(500);

    internal HttpRegistryOptions Copy()
    {
        var copy = new HttpRegistryOptions
        {
            PlainHttpOnLoopback = PlainHttpOnLoopback,
            HandlerFactory = HandlerFactory,
            ConnectTimeout = ConnectTimeout,
            NoProgressTimeout = NoProgressTimeout,
            MaxRetries = MaxRetries,
            RetryDelay = RetryDelay,
        };
        copy.PlainHttpHosts.UnionWith(PlainHttpHosts);
        return copy;
    }

    private static TimeSpan Positive(TimeSpan value)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(value, TimeSpan.Zero);
        return value;
    }
}
