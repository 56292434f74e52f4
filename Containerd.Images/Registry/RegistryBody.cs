namespace Containerd.Images;

/// <summary>
/// The bytes of some content, from an offset to its descriptor's size. Where the connection breaks or stalls it is made again from the byte that is missing, as often
/// without progress as the options allow.
/// </summary>
internal sealed class RegistryBody(
    RegistryClient client, string doing, RegistryEndpoint endpoint, Descriptor descriptor, long offset) : Stream
{
    private long _position = offset;
    private Stream? _body;
    private HttpResponseMessage? _answer;
    private long _toSkip;
    private int _failures;

    public override bool CanRead => true;

    public override bool CanWrite => false;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Asks for the bytes from the position on.</summary>
    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        if (_position == descriptor.Size)
            return;
        using var patience = new Patience(client.Options.NoProgressTimeout, client.TimeProvider, cancellationToken);
        Uri url = endpoint.Content(descriptor);
        HttpResponseMessage answer = await client.SendAsync(
            doing,
            endpoint,
            _ =>
            {
                var request = new HttpRequestMessage(HttpMethod.Get, url);
                if (RegistryEndpoint.IsManifest(descriptor))
                    request.Headers.TryAddWithoutValidation("Accept", descriptor.MediaType);
                if (_position > 0)
                    request.Headers.Range = new System.Net.Http.Headers.RangeHeaderValue(_position, null);
                return Task.FromResult(request);
            },
            patience,
            cancellationToken).ConfigureAwait(false);
        _answer = answer;
        _toSkip = _position - StartOf(answer, url);
        _body = await answer.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_position == descriptor.Size || buffer.IsEmpty)
            return 0;
        int wanted = (int)Math.Min(buffer.Length, descriptor.Size - _position);
        while (true)
        {
            if (_body is null)
                await OpenAsync(cancellationToken).ConfigureAwait(false);
            RegistryException failure;
            using (var patience = new Patience(client.Options.NoProgressTimeout, client.TimeProvider, cancellationToken))
            {
                try
                {
                    await SkipAsync(patience).ConfigureAwait(false);
                    patience.Moved();
                    int read = await _body!.ReadAsync(buffer[..wanted], patience.Token).ConfigureAwait(false);
                    if (read > 0)
                    {
                        _position += read;
                        _failures = 0;
                        return read;
                    }
                    failure = RegistryFailure.FromTransport(doing, endpoint, new EndOfStreamException($"the body ended at byte {_position} of {descriptor.Size}"), endpoint.Content(descriptor));
                }
                catch (Exception e) when (e is IOException or HttpRequestException)
                {
                    failure = RegistryFailure.FromTransport(doing, endpoint, e, endpoint.Content(descriptor));
                }
                catch (OperationCanceledException) when (patience.IsExhausted)
                {
                    failure = RegistryFailure.Stalled(doing, endpoint, endpoint.Content(descriptor), client.Options.NoProgressTimeout);
                }
            }
            await CloseAsync().ConfigureAwait(false);
            if (_failures >= client.Options.MaxRetries)
                throw failure;
            await client.WaitAsync(_failures++, failure, patience: null, cancellationToken).ConfigureAwait(false);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException("The content of a registry is read asynchronously only.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        await CloseAsync().ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _body?.Dispose();
            _answer?.Dispose();
        }
        base.Dispose(disposing);
    }

    private async ValueTask CloseAsync()
    {
        if (_body is not null)
            await _body.DisposeAsync().ConfigureAwait(false);
        _answer?.Dispose();
        (_body, _answer) = (null, null);
    }

    // A server may answer a request for a range with everything (D-9); what it must not do is answer with another range, or with other content.
    private long StartOf(HttpResponseMessage answer, Uri url)
    {
        bool isPart = answer.StatusCode == System.Net.HttpStatusCode.PartialContent;
        var range = answer.Content.Headers.ContentRange;
        if (isPart && (range?.From != _position || (range.HasLength && range.Length != descriptor.Size)))
            throw RegistryFailure.BrokenProtocol(doing, endpoint, url, $"was asked for the bytes from {_position} on of {descriptor.Size} and answered with {Excerpt.Of(range?.ToString())}");
        if (answer.Content.Headers.ContentEncoding.Any(encoding => !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase)))
            throw RegistryFailure.BrokenProtocol(doing, endpoint, url, "encoded the content although that was not allowed");
        long start = isPart ? _position : 0;
        if (answer.Content.Headers.ContentLength is { } length && start + length != descriptor.Size)
            throw RegistryFailure.BrokenProtocol(doing, endpoint, url, $"has {start + length} bytes of what is described as {descriptor}");
        return start;
    }

    private async Task SkipAsync(Patience patience)
    {
        byte[] scratch = _toSkip > 0 ? new byte[(int)Math.Min(_toSkip, 64 * 1024)] : [];
        while (_toSkip > 0)
        {
            patience.Moved();
            int read = await _body!.ReadAsync(scratch.AsMemory(0, (int)Math.Min(_toSkip, scratch.Length)), patience.Token).ConfigureAwait(false);
            if (read == 0)
                throw new EndOfStreamException("the body ended before the bytes that are missing");
            _toSkip -= read;
        }
    }
}
