namespace Containerd.Images;

/// <summary>A connection whose first bytes from the server are looked at, so that TLS spoken to a plain server, or the reverse, is told by name.</summary>
internal sealed class WireProbe(Stream inner, bool expectsTls) : Stream
{
    private readonly byte[] _first = new byte[5];
    private int _seen;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read = await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        Look(buffer.Span[..read]);
        return read;
    }

    public override int Read(Span<byte> buffer)
    {
        int read = inner.Read(buffer);
        Look(buffer[..read]);
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(buffer, cancellationToken);

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => inner.WriteAsync(buffer, offset, count, cancellationToken);

    public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

    public override void Write(ReadOnlySpan<byte> buffer) => inner.Write(buffer);

    public override void Flush() => inner.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }

    private void Look(ReadOnlySpan<byte> bytes)
    {
        if (_seen == _first.Length || bytes.IsEmpty)
            return;
        int taken = Math.Min(bytes.Length, _first.Length - _seen);
        bytes[..taken].CopyTo(_first.AsSpan(_seen));
        _seen += taken;
        if (expectsTls && _first.AsSpan(0, _seen).StartsWith("HTTP/"u8))
            throw new WireMismatchException(speaksTls: false);
        // A TLS record: alert or handshake, version 3.x (RFC 8446 §5.1).
        if (!expectsTls && _seen >= 2 && _first[0] is 0x15 or 0x16 && _first[1] == 3)
            throw new WireMismatchException(speaksTls: true);
    }
}
