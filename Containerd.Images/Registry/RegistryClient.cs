using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.Logging;

namespace Containerd.Images;

/// <summary>Sends requests: repeats what failed for a transient reason, follows redirects, gets tokens, and lets none go to another host.</summary>
internal sealed partial class RegistryClient : IDisposable
{
    private const int MaxRedirects = 10;
    private const int MaxTokenBytes = 256 * 1024;
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestRetryAfter = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan DefaultTokenLife = TimeSpan.FromSeconds(60);

    private readonly HttpMessageInvoker _http;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<string, (string Token, DateTimeOffset Expires)> _tokens = new();

    public RegistryClient(HttpRegistryOptions options, ILogger logger, TimeProvider timeProvider)
    {
        (Options, _logger, TimeProvider) = (options, logger, timeProvider);
        _http = new HttpMessageInvoker(options.HandlerFactory?.Invoke() ?? RegistryHandler.Create(options.ConnectTimeout), disposeHandler: true);
    }

    public HttpRegistryOptions Options { get; }

    public TimeProvider TimeProvider { get; }

    /// <summary>Sends a request until it is answered with something else than a transient failure.</summary>
    /// <param name="doing">What is being done, for messages.</param>
    /// <param name="endpoint">The repository.</param>
    /// <param name="create">Makes the request; called for each attempt.</param>
    /// <param name="patience">Fires when nothing moves; renewed for each attempt.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <param name="allowed">Failures that the caller wants to see as answers.</param>
    /// <param name="scope">What a token must allow: <c>pull</c> or <c>pull,push</c>.</param>
    /// <returns>The answer, with its headers read; the caller disposes it.</returns>
    public async Task<HttpResponseMessage> SendAsync(
        string doing,
        RegistryEndpoint endpoint,
        Func<CancellationToken, Task<HttpRequestMessage>> create,
        Patience patience,
        CancellationToken cancellationToken,
        string scope = "pull",
        params HttpStatusCode[] allowed)
    {
        for (int attempt = 0; ; attempt++)
        {
            patience.Moved();
            RegistryException failure;
            bool isPermanent = false;
            Uri url = endpoint.BaseUrl;
            try
            {
                (HttpResponseMessage answer, url) = await SendAuthorizedAsync(doing, endpoint, create, scope, patience).ConfigureAwait(false);
                if (answer.IsSuccessStatusCode || allowed.Contains(answer.StatusCode))
                    return answer;
                using (answer)
                {
                    TimeSpan? retryAfter = RetryAfterOf(answer);
                    failure = await RegistryFailure.FromAnswerAsync(doing, endpoint, answer, url, retryAfter, patience).ConfigureAwait(false);
                    isPermanent = !IsTransient(answer.StatusCode) || retryAfter > LongestRetryAfter;
                }
            }
            catch (RegistryException e) when (e.StatusCode is { } status && IsTransient(status))
            {
                // The token service's answer.
                failure = e;
                isPermanent = e.RetryAfter > LongestRetryAfter;
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                failure = RegistryFailure.FromTransport(doing, endpoint, e, url);
                isPermanent = RegistryFailure.IsPermanent(e);
            }
            catch (OperationCanceledException) when (patience.IsExhausted)
            {
                throw RegistryFailure.Stalled(doing, endpoint, url, Options.NoProgressTimeout);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // A handler's own limit, as SocketsHttpHandler's for connecting.
                failure = RegistryFailure.Stalled(doing, endpoint, url, Options.ConnectTimeout);
            }
            if (isPermanent || attempt >= Options.MaxRetries)
                throw failure;
            await WaitAsync(attempt, failure, patience, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Waits before something is tried again (L-9).</summary>
    public async Task WaitAsync(int attempt, RegistryException failure, Patience? patience, CancellationToken cancellationToken)
    {
        TimeSpan delay = Options.RetryDelay * Math.Pow(2, Math.Min(attempt, 16));
        if (delay > LongestDelay)
            delay = LongestDelay;
#pragma warning disable CA5394 // Spreads retries of many clients; nothing secret.
        delay = failure.RetryAfter ?? (delay * (1 - (Random.Shared.NextDouble() / 4)));
#pragma warning restore CA5394
        LogRetry(_logger, failure.Message, delay.TotalSeconds);
        patience?.Pause();
        await Task.Delay(delay, TimeProvider, cancellationToken).ConfigureAwait(false);
    }

    public void Dispose() => _http.Dispose();

    private async Task<(HttpResponseMessage Answer, Uri Url)> SendAuthorizedAsync(
        string doing, RegistryEndpoint endpoint, Func<CancellationToken, Task<HttpRequestMessage>> create, string scope, Patience patience)
    {
        string key = $"{endpoint.BaseUrl.Authority} {endpoint.Reference.Path} {scope}";
        string? token = _tokens.TryGetValue(key, out var cached) && cached.Expires > TimeProvider.GetUtcNow() ? cached.Token : null;
        bool isFresh = false;
        while (true)
        {
            (HttpResponseMessage answer, Uri url) = await SendRedirectedAsync(doing, endpoint, create, token, patience).ConfigureAwait(false);
            // Another host's demand is not answered: what is known here is not meant for it.
            if (answer.StatusCode != HttpStatusCode.Unauthorized || isFresh || !IsSameHost(url, endpoint.BaseUrl)
                || BearerChallenge.Find(answer.Headers) is not { } challenge)
            {
                return (answer, url);
            }
            answer.Dispose();
            _tokens.TryRemove(key, out _);
            (token, TimeSpan life) = await GetTokenAsync(doing, endpoint, challenge, scope, patience).ConfigureAwait(false);
            _tokens[key] = (token, TimeProvider.GetUtcNow() + life);
            isFresh = true;
        }
    }

    private async Task<(HttpResponseMessage Answer, Uri Url)> SendRedirectedAsync(
        string doing, RegistryEndpoint endpoint, Func<CancellationToken, Task<HttpRequestMessage>> create, string? token, Patience patience)
    {
        Uri? redirected = null;
        for (int redirects = 0; ; redirects++)
        {
            using HttpRequestMessage request = await create(patience.Token).ConfigureAwait(false);
            request.RequestUri = redirected ?? request.RequestUri;
            Uri url = request.RequestUri!;
            request.Headers.UserAgent.Add(new ProductInfoHeaderValue("containerd-dotnet", null));
            request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
            if (token is not null && IsSameHost(url, endpoint.BaseUrl))
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            HttpResponseMessage answer = await _http.SendAsync(request, patience.Token).ConfigureAwait(false);
            if (!(answer.StatusCode is HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect)
                || (request.Method != HttpMethod.Get && request.Method != HttpMethod.Head))
            {
                return (answer, url);
            }
            using (answer)
            {
                if (redirects == MaxRedirects)
                    throw RegistryFailure.BrokenProtocol(doing, endpoint, url, $"redirected more than {MaxRedirects} times");
                redirected = Target(doing, endpoint, url, answer.Headers.Location);
            }
        }
    }

    /// <summary>Where an answer points to; never from TLS to plain HTTP.</summary>
    public static Uri Target(string doing, RegistryEndpoint endpoint, Uri from, Uri? location)
    {
        Uri? target = location is null ? null : new Uri(from, location);
        bool isAllowed = target is not null && string.IsNullOrEmpty(target.UserInfo)
            && (target.Scheme == Uri.UriSchemeHttps || (target.Scheme == Uri.UriSchemeHttp && from.Scheme == Uri.UriSchemeHttp));
        return isAllowed ? target! : throw RegistryFailure.BrokenProtocol(doing, endpoint, from, "points to a place that may not be followed: it must be an https URL");
    }

    public static bool IsSameHost(Uri one, Uri other) => one.Scheme == other.Scheme && one.Port == other.Port && one.IdnHost.Equals(other.IdnHost, StringComparison.OrdinalIgnoreCase);

    private async Task<(string Token, TimeSpan Life)> GetTokenAsync(
        string doing, RegistryEndpoint endpoint, BearerChallenge challenge, string scope, Patience patience)
    {
        if (!Uri.TryCreate(challenge.Realm, UriKind.Absolute, out Uri? realm) || !string.IsNullOrEmpty(realm.UserInfo)
            || !(realm.Scheme == Uri.UriSchemeHttps || (realm.Scheme == Uri.UriSchemeHttp && endpoint.IsPlainHttp)))
        {
            throw RegistryFailure.BrokenProtocol(doing, endpoint, endpoint.BaseUrl, $"names a token service that may not be used: '{Excerpt.Of(challenge.Realm)}'");
        }
        string query = $"scope={Uri.EscapeDataString($"repository:{endpoint.Reference.Path}:{scope}")}"
            + (challenge.Service is { Length: > 0 } service ? $"&service={Uri.EscapeDataString(service)}" : "");
        var url = new UriBuilder(realm) { Query = realm.Query.Length > 1 ? $"{realm.Query[1..]}&{query}" : query };
        patience.Moved();
        (HttpResponseMessage answer, Uri answered) = await SendRedirectedAsync(
            doing, endpoint, _ => Task.FromResult(new HttpRequestMessage(HttpMethod.Get, url.Uri)), token: null, patience).ConfigureAwait(false);
        using (answer)
        {
            if (!answer.IsSuccessStatusCode)
            {
                TimeSpan? retryAfter = RetryAfterOf(answer);
                throw await RegistryFailure.FromAnswerAsync($"{doing}: getting a token", endpoint, answer, answered, retryAfter, patience).ConfigureAwait(false);
            }
            byte[] body = await RegistryFailure.ReadBodyAsync(answer, MaxTokenBytes, patience).ConfigureAwait(false)
                ?? throw RegistryFailure.BrokenProtocol(doing, endpoint, answered, $"has a token service whose answer is larger than {MaxTokenBytes} bytes");
            TokenReply reply = ImageJson.Parse(body, ImageJson.Default.TokenReply, $"The token service's answer for {endpoint.Reference.Registry}");
            string? token = string.IsNullOrEmpty(reply.Token) ? reply.AccessToken : reply.Token;
            if (string.IsNullOrEmpty(token) || token.Any(c => char.IsControl(c) || c > 126))
                throw RegistryFailure.BrokenProtocol(doing, endpoint, answered, "has a token service that answered without a token");
            return (token, reply.ExpiresIn is > 0 and < int.MaxValue ? TimeSpan.FromSeconds(reply.ExpiresIn.Value) : DefaultTokenLife);
        }
    }

    private static bool IsTransient(HttpStatusCode status) =>
        status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests || ((int)status >= 500 && status != HttpStatusCode.NotImplemented);

    private TimeSpan? RetryAfterOf(HttpResponseMessage answer)
    {
        RetryConditionHeaderValue? header = answer.Headers.RetryAfter;
        TimeSpan? wait = header?.Delta ?? header?.Date - TimeProvider.GetUtcNow();
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }

    [LoggerMessage(2001, LogLevel.Information, "{Failure} Trying again in {Seconds:0.0} seconds.")]
    private static partial void LogRetry(ILogger logger, string failure, double seconds);
}
