using System.Net;
using System.Net.Http.Headers;

namespace Containerd.Images;

/// <summary>One push: nothing where the registry has the content, otherwise the whole content in one request (D-17).</summary>
internal sealed class RegistryPush(
    RegistryClient client, ImageReference reference, Descriptor descriptor, Func<CancellationToken, Task<Stream>> openContent, IProgress<long>? progress)
{
    private const string Scope = "pull,push";

    private readonly RegistryEndpoint _endpoint = RegistryEndpoint.Of(reference, client.Options);
    private readonly string _doing = $"Pushing {descriptor} to {reference}";

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var patience = new Patience(client.Options.NoProgressTimeout, client.TimeProvider, cancellationToken);
        if (await ExistsAsync(patience, cancellationToken).ConfigureAwait(false))
            return;
        bool isManifest = RegistryEndpoint.IsManifest(descriptor);
        using HttpResponseMessage answer = await client.SendAsync(
            _doing,
            _endpoint,
            async token =>
            {
                Uri target = isManifest ? _endpoint.Manifest(TagOrDigest) : await BeginUploadAsync(patience, cancellationToken).ConfigureAwait(false);
                return new HttpRequestMessage(HttpMethod.Put, target)
                {
                    Content = new PushContent(openContent, descriptor, isManifest, patience, progress, token),
                };
            },
            patience,
            cancellationToken,
            Scope).ConfigureAwait(false);
    }

    private string TagOrDigest => reference.Tag is { } tag && reference.Digest is null ? tag : descriptor.Digest.ToString();

    private async Task<bool> ExistsAsync(Patience patience, CancellationToken cancellationToken)
    {
        bool isManifest = RegistryEndpoint.IsManifest(descriptor);
        using HttpResponseMessage answer = await client.SendAsync(
            _doing,
            _endpoint,
            _ => Task.FromResult(isManifest
                ? HttpRegistry.ManifestRequest(HttpMethod.Head, _endpoint, TagOrDigest)
                : new HttpRequestMessage(HttpMethod.Head, _endpoint.Content(descriptor))),
            patience,
            cancellationToken,
            Scope,
            HttpStatusCode.NotFound).ConfigureAwait(false);
        // A tag exists only where it stands for the same manifest.
        return answer.IsSuccessStatusCode
            && (!isManifest || (answer.Headers.TryGetValues("Docker-Content-Digest", out IEnumerable<string>? digests) && digests.First() == descriptor.Digest.ToString()));
    }

    private async Task<Uri> BeginUploadAsync(Patience patience, CancellationToken cancellationToken)
    {
        using HttpResponseMessage answer = await client.SendAsync(
            _doing, _endpoint, _ => Task.FromResult(new HttpRequestMessage(HttpMethod.Post, _endpoint.Uploads)), patience, cancellationToken, Scope).ConfigureAwait(false);
        if (answer.StatusCode != HttpStatusCode.Accepted)
            throw RegistryFailure.BrokenProtocol(_doing, _endpoint, _endpoint.Uploads, $"answered the request for an upload with HTTP {(int)answer.StatusCode}");
        // The location may be on another host; the client sends no token there.
        var location = new UriBuilder(RegistryClient.Target(_doing, _endpoint, _endpoint.Uploads, answer.Headers.Location));
        string digest = $"digest={Uri.EscapeDataString(descriptor.Digest.ToString())}";
        location.Query = location.Query.Length > 1 ? $"{location.Query[1..]}&{digest}" : digest;
        return location.Uri;
    }

    /// <summary>The content as the body of a request: opened when it is sent, never whole in memory.</summary>
    private sealed class PushContent : HttpContent
    {
        private const int BufferBytes = 256 * 1024;

        private readonly Func<CancellationToken, Task<Stream>> _open;
        private readonly Descriptor _descriptor;
        private readonly Patience _patience;
        private readonly IProgress<long>? _progress;
        private readonly CancellationToken _cancellationToken;

        public PushContent(
            Func<CancellationToken, Task<Stream>> open, Descriptor descriptor, bool isManifest, Patience patience, IProgress<long>? progress, CancellationToken cancellationToken)
        {
            (_open, _descriptor, _patience, _progress, _cancellationToken) = (open, descriptor, patience, progress, cancellationToken);
            Headers.ContentType = MediaTypeHeaderValue.Parse(isManifest ? descriptor.MediaType : "application/octet-stream");
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, _cancellationToken);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            Stream content = await _open(cancellationToken).ConfigureAwait(false);
            await using (content.ConfigureAwait(false))
            {
                byte[] buffer = new byte[(int)Math.Min(BufferBytes, Math.Max(1, _descriptor.Size))];
                long sent = 0;
                _progress?.Report(sent);
                int read;
                while ((read = await content.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
                {
                    await stream.WriteAsync(buffer.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
                    _patience.Moved();
                    _progress?.Report(sent += read);
                }
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _descriptor.Size;
            return true;
        }
    }
}
