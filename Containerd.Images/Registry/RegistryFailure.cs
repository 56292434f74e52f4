using System.Text.Json;

namespace Containerd.Images;

/// <summary>Turns what went wrong with a request into an exception that says which registry, what was asked, why, and what to do (A36).</summary>
internal static class RegistryFailure
{
    private const int MaxBodyBytes = 64 * 1024;

    /// <summary>The URL as it may be shown: without query and user information.</summary>
    public static string Shown(Uri url) => Excerpt.Of(url.GetComponents(UriComponents.Scheme | UriComponents.HostAndPort | UriComponents.Path, UriFormat.UriEscaped));

    public static async Task<RegistryException> FromAnswerAsync(
        string doing, RegistryEndpoint endpoint, HttpResponseMessage answer, Uri url, TimeSpan? retryAfter, Patience patience)
    {
        RegistryErrors? errors = await ReadErrorsAsync(answer, patience).ConfigureAwait(false);
        string[] codes = [.. (errors?.Errors ?? []).Take(16).Select(error => Excerpt.Of(error?.Code)).Where(code => code.Length > 0)];
        string said = string.Join("; ", (errors?.Errors ?? []).Take(4).Select(error => Excerpt.Of($"{error?.Code} {error?.Message}".Trim())).Where(text => text.Length > 0));
        string registry = endpoint.Reference.Registry;
        bool lacksBlob = codes.Contains("MANIFEST_BLOB_UNKNOWN") || (codes.Contains("BLOB_UNKNOWN") && answer.RequestMessage?.Method == HttpMethod.Put);
        (ErrorKind kind, string why) = (int)answer.StatusCode switch
        {
            _ when lacksBlob => (ErrorKind.FailedPrecondition, "the registry lacks content that the manifest refers to; push that first"),
            401 => (ErrorKind.PermissionDenied, $"{registry} demands credentials, and none were given; the repository may also not exist, which registries hide this way"),
            403 => (ErrorKind.PermissionDenied, $"{registry} refuses access to this repository"),
            404 => (ErrorKind.NotFound, $"{registry} has no such repository, tag or content; check the reference"),
            408 => (ErrorKind.Unavailable, $"{registry} gave up waiting for the request; try again"),
            429 => (ErrorKind.Unavailable, $"{registry} limits the rate of requests; {Wait(retryAfter)}"),
            >= 500 => (ErrorKind.Unavailable, $"{registry} has a problem of its own; try again later"),
            400 when said.Length == 0 && endpoint.IsPlainHttp => (ErrorKind.InvalidArgument, $"{registry} cannot understand the request; it may speak TLS: take it out of the plain HTTP hosts"),
            400 => (ErrorKind.InvalidArgument, $"{registry} cannot understand the request"),
            413 => (ErrorKind.ResourceExhausted, $"{registry} does not take content of this size"),
            _ => (ErrorKind.Unknown, $"{registry} gave an unexpected answer"),
        };
        string message = $"{doing} failed: {why} (HTTP {(int)answer.StatusCode}{(said.Length > 0 ? $": {said}" : "")}).";
        return new RegistryException(kind, message)
        {
            Subject = endpoint.Reference.ToString(),
            StatusCode = answer.StatusCode,
            Codes = codes,
            Url = Shown(url),
            RetryAfter = retryAfter,
        };
    }

    public static RegistryException FromTransport(string doing, RegistryEndpoint endpoint, Exception e, Uri url)
    {
        string registry = endpoint.Reference.Registry;
        WireMismatchException? mismatch = Causes(e).OfType<WireMismatchException>().FirstOrDefault();
        (ErrorKind kind, string why) = (mismatch, (e as HttpRequestException)?.HttpRequestError) switch
        {
            ({ SpeaksTls: false }, _) => (ErrorKind.Unavailable, $"{registry} was expected to speak TLS, but the server speaks plain HTTP; if that is meant to be, add it to the plain HTTP hosts"),
            ({ SpeaksTls: true }, _) => (ErrorKind.Unavailable, $"{registry} was expected to speak plain HTTP, but the server speaks TLS; take it out of the plain HTTP hosts"),
            (_, HttpRequestError.SecureConnectionError) => (ErrorKind.Unavailable, $"no secure connection to {registry} could be made; if its certificate is from an authority of your own, give a handler that trusts it"),
            (_, HttpRequestError.NameResolutionError) => (ErrorKind.Unavailable, $"the host name {url.Host} could not be resolved; check the reference and the network"),
            (_, HttpRequestError.ConnectionError) => (ErrorKind.Unavailable, $"{registry} cannot be reached; check the host, the port and the network"),
            _ => (ErrorKind.Unavailable, $"the connection to {registry} broke"),
        };
        return new RegistryException(kind, $"{doing} failed: {why} ({Excerpt.Of(Innermost(e).Message)}).", e) { Subject = endpoint.Reference.ToString(), Url = Shown(url) };
    }

    public static RegistryException Stalled(string doing, RegistryEndpoint endpoint, Uri url, TimeSpan allowed) =>
        new(ErrorKind.Timeout, $"{doing} failed: nothing moved on the connection to {endpoint.Reference.Registry} for {allowed.TotalSeconds:0.###} seconds; try again.")
        {
            Subject = endpoint.Reference.ToString(),
            Url = Shown(url),
        };

    public static RegistryException BrokenProtocol(string doing, RegistryEndpoint endpoint, Uri url, string why) =>
        new(ErrorKind.DataCorrupted, $"{doing} failed: {endpoint.Reference.Registry} {why}.") { Subject = endpoint.Reference.ToString(), Url = Shown(url) };

    /// <summary>Whether a failed connection can be expected to fail in the same way again.</summary>
    public static bool IsPermanent(Exception e) =>
        e is HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } || Causes(e).Any(cause => cause is WireMismatchException);

    /// <summary>Reads a small body whole.</summary>
    /// <returns>The bytes, or null where there are more than allowed.</returns>
    public static async Task<byte[]?> ReadBodyAsync(HttpResponseMessage answer, int maxBytes, Patience patience)
    {
        if (answer.Content.Headers.ContentLength > maxBytes)
            return null;
        Stream body = await answer.Content.ReadAsStreamAsync(patience.Token).ConfigureAwait(false);
        await using (body.ConfigureAwait(false))
        {
            using var bytes = new MemoryStream();
            byte[] buffer = new byte[16 * 1024];
            int read;
            // The patience is not renewed: whoever sends so little so slowly is not waited for.
            while ((read = await body.ReadAsync(buffer, patience.Token).ConfigureAwait(false)) > 0)
            {
                if (bytes.Length + read > maxBytes)
                    return null;
                bytes.Write(buffer, 0, read);
            }
            return bytes.ToArray();
        }
    }

    private static async Task<RegistryErrors?> ReadErrorsAsync(HttpResponseMessage answer, Patience patience)
    {
        try
        {
            return await ReadBodyAsync(answer, MaxBodyBytes, patience).ConfigureAwait(false) is { Length: > 0 } body
                ? JsonSerializer.Deserialize(body, ImageJson.Default.RegistryErrors)
                : null;
        }
        catch (Exception e) when (e is JsonException or IOException or HttpRequestException || (e is OperationCanceledException && patience.IsExhausted))
        {
            // The status says enough; proxies answer in HTML.
            return null;
        }
    }

    private static string Wait(TimeSpan? retryAfter) =>
        retryAfter is { } wait ? $"try again in {wait.TotalSeconds:0} seconds" : "try again later";

    private static IEnumerable<Exception> Causes(Exception e)
    {
        for (Exception? cause = e; cause is not null; cause = cause.InnerException)
            yield return cause;
    }

    private static Exception Innermost(Exception e) => Causes(e).Last();
}
