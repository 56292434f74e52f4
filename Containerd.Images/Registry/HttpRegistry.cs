using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Containerd.Images;

/// <summary>Every registry that speaks the OCI distribution protocol; <c>docker.io</c> is one of them.</summary>
/// <remarks>
/// <para>Access is anonymous: where a registry demands a token it is asked for without credentials, and sent to no other host. TLS is required unless
/// <see cref="HttpRegistryOptions"/> names the host. Redirects are followed, never from TLS to plain HTTP. <see cref="Descriptor.Urls"/> are never followed (CVE-2020-15157).</para>
/// <para>Requests that fail with 408, 429, a server error or a broken connection are repeated, those for a token included; one that gets no reply is not. There is no limit for a transfer as a whole, only for the time in which nothing moves.</para>
/// <para>A tag is resolved by the registry's word; whoever stores what is fetched verifies it. A digest in the reference is what is resolved, whatever the registry says.</para>
/// <para>Failures are <see cref="RegistryException"/>. Thread-safe. Disposal closes all connections, also those of open streams.</para>
/// </remarks>
public sealed class HttpRegistry : IRegistry, IDisposable
{
    private static readonly string AcceptedManifests = string.Join(
        ", ", MediaTypes.OciIndex, MediaTypes.OciManifest, MediaTypes.DockerManifestList, MediaTypes.DockerManifest);

    private readonly RegistryClient _client;

    /// <summary>Makes a registry client.</summary>
    /// <param name="options">How to talk to registries; null for the defaults. Copied.</param>
    /// <param name="loggerFactory">Where to log; null for nowhere.</param>
    /// <param name="timeProvider">The clock; null for the system's.</param>
    public HttpRegistry(HttpRegistryOptions? options = null, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null) =>
        _client = new RegistryClient(
            (options ?? new HttpRegistryOptions()).Copy(),
            (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<HttpRegistry>(),
            timeProvider ?? TimeProvider.System);

    /// <inheritdoc/>
    public async Task<Descriptor> ResolveAsync(ImageReference reference, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        string wanted = reference.Digest?.ToString() ?? reference.Tag
            ?? throw new ContainerdException(ErrorKind.InvalidArgument, $"Cannot resolve {reference}: it has neither a tag nor a digest.") { Subject = reference.ToString() };
        RegistryEndpoint endpoint = RegistryEndpoint.Of(reference, _client.Options);
        string doing = $"Resolving {reference}";
        using var patience = NewPatience(cancellationToken);

        // Registries that do not answer HEAD, or refuse it without a reason, are asked again with GET (D-5).
        using (HttpResponseMessage head = await _client.SendAsync(
            doing, endpoint, _ => Task.FromResult(ManifestRequest(HttpMethod.Head, endpoint, wanted)), patience, cancellationToken,
            allowed: [HttpStatusCode.MethodNotAllowed, HttpStatusCode.NotImplemented, HttpStatusCode.Forbidden]).ConfigureAwait(false))
        {
            if (head.IsSuccessStatusCode && DescribeByHeaders(head, reference) is { } descriptor)
                return WithinLimit(descriptor, doing, endpoint, wanted);
        }
        using HttpResponseMessage answer = await _client.SendAsync(
            doing, endpoint, _ => Task.FromResult(ManifestRequest(HttpMethod.Get, endpoint, wanted)), patience, cancellationToken).ConfigureAwait(false);
        byte[] content = await ReadManifestAsync(answer, doing, endpoint, wanted, patience).ConfigureAwait(false);
        return DescribeByContent(answer, content, reference, doing);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="offset"/> is negative or behind the content's end.</exception>
    public async Task<Stream> FetchAsync(ImageReference reference, Descriptor descriptor, long offset = 0, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(descriptor);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, descriptor.Size);
        RegistryEndpoint endpoint = RegistryEndpoint.Of(reference, _client.Options);
        var body = new RegistryBody(_client, $"Fetching {descriptor} of {reference}", endpoint, descriptor, offset);
        try
        {
            await body.OpenAsync(cancellationToken).ConfigureAwait(false);
            return body;
        }
        catch
        {
            await body.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public Task PushAsync(
        ImageReference reference,
        Descriptor descriptor,
        Func<CancellationToken, Task<Stream>> openContent,
        IProgress<long>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(descriptor);
        ArgumentNullException.ThrowIfNull(openContent);
        return new RegistryPush(_client, reference, descriptor, openContent, progress).RunAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    internal static HttpRequestMessage ManifestRequest(HttpMethod method, RegistryEndpoint endpoint, string tagOrDigest)
    {
        var request = new HttpRequestMessage(method, endpoint.Manifest(tagOrDigest));
        request.Headers.TryAddWithoutValidation("Accept", AcceptedManifests);
        return request;
    }

    private Patience NewPatience(CancellationToken cancellationToken) => new(_client.Options.NoProgressTimeout, _client.TimeProvider, cancellationToken);

    private static Descriptor? DescribeByHeaders(HttpResponseMessage head, ImageReference reference)
    {
        string mediaType = head.Content.Headers.ContentType?.MediaType ?? "";
        Digest digest = reference.Digest
            ?? (head.Headers.TryGetValues("Docker-Content-Digest", out IEnumerable<string>? values) && Digest.TryParse(values.First(), out Digest said) ? said : default);
        return !digest.IsEmpty && head.Content.Headers.ContentLength is { } size and > 0 && (MediaTypes.IsIndex(mediaType) || MediaTypes.IsManifest(mediaType))
            ? new Descriptor { MediaType = mediaType, Digest = digest, Size = size }
            : null;
    }

    private static Descriptor DescribeByContent(HttpResponseMessage answer, byte[] content, ImageReference reference, string doing)
    {
        Digest digest = reference.Digest is { } expected
            ? Digest.FromHash(expected.HashName, System.Security.Cryptography.CryptographicOperations.HashData(expected.HashName, content))
            : Digest.Sha256(content);
        if (reference.Digest is { } wanted && digest != wanted)
            throw new DigestMismatchException(doing, wanted, digest, null, content.Length);
        string mediaType = answer.Content.Headers.ContentType?.MediaType ?? "";
        if (!MediaTypes.IsIndex(mediaType) && !MediaTypes.IsManifest(mediaType))
            mediaType = ManifestRule.MediaTypeOf(content, mediaType);
        return new Descriptor { MediaType = mediaType, Digest = digest, Size = content.Length };
    }

    private static Descriptor WithinLimit(Descriptor descriptor, string doing, RegistryEndpoint endpoint, string wanted) =>
        descriptor.Size <= ImageManifest.MaxBytes ? descriptor : throw TooLarge(doing, endpoint, wanted);

    private async Task<byte[]> ReadManifestAsync(HttpResponseMessage answer, string doing, RegistryEndpoint endpoint, string wanted, Patience patience)
    {
        try
        {
            return await RegistryFailure.ReadBodyAsync(answer, ImageManifest.MaxBytes, patience).ConfigureAwait(false) ?? throw TooLarge(doing, endpoint, wanted);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw RegistryFailure.FromTransport(doing, endpoint, e, endpoint.Manifest(wanted));
        }
        catch (OperationCanceledException) when (patience.IsExhausted)
        {
            throw RegistryFailure.Stalled(doing, endpoint, endpoint.Manifest(wanted), _client.Options.NoProgressTimeout);
        }
    }

    private static RegistryException TooLarge(string doing, RegistryEndpoint endpoint, string wanted) =>
        RegistryFailure.BrokenProtocol(doing, endpoint, endpoint.Manifest(wanted), $"has a manifest of more than the {ImageManifest.MaxBytes} bytes that are allowed");
}
