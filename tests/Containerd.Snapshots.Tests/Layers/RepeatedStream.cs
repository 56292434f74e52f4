namespace Containerd.Snapshots.Tests;

/// <summary>Some bytes a number of times, and then others: a long stream that takes no memory.</summary>
internal sealed class RepeatedStream(byte[] repeated, long count, byte[] end) : Stream
{
    private long _position;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => (repeated.Length * count) + end.Length;

    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        long repeats = repeated.Length * count;
        ReadOnlySpan<byte> next = _position < repeats ? repeated.AsSpan((int)(_position % repeated.Length)) : end.AsSpan((int)(_position - repeats));
        next = next[..Math.Min(next.Length, buffer.Length)];
        next.CopyTo(buffer);
        _position += next.Length;
        return next.Length;
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.FromResult(Read(buffer.Span));

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
