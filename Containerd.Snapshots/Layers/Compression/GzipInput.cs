using System.Buffers;
using System.Buffers.Binary;

namespace Containerd.Snapshots;

/// <summary>Gives compressed bytes to an inflater, so that what it was given last ends where its member does.</summary>
/// <remarks>
/// The BCL's own gzip stream ignores garbage behind a member and the loss of its end; hence this. A stream only for the reading side of an inflater that takes more
/// than it needs and does not tell how much it needed.
/// </remarks>
internal sealed class GzipInput(BlockReader input) : Stream
{
    private const int ChunkLength = 64 << 10;
    private const int PieceLength = 1 << 10;
    private const int TrailerLength = 8;
    private const int MostExpanded = 1032; // of one byte: 258 for a length of one bit and a distance of one bit

    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(ChunkLength);
    private int _position;
    private int _end;

    /// <summary>How much has come out of the member so far, as its trailer counts it. To be kept up to date by who reads this as a stream.</summary>
    public uint Expanded { get; set; }

    /// <summary>The next byte, or -1 at the end.</summary>
    public async ValueTask<int> ReadByteAsync(CancellationToken cancellationToken) =>
        await EnsureAsync(1, cancellationToken).ConfigureAwait(false) ? _buffer[_position++] : -1;

    /// <summary>The bytes at hand; empty only before <see cref="FillAsync"/> or at the end.</summary>
    public ReadOnlySpan<byte> Span => _buffer.AsSpan(_position, _end - _position);

    /// <summary>Makes sure that there are bytes at hand; false at the end.</summary>
    public ValueTask<bool> FillAsync(CancellationToken cancellationToken) => EnsureAsync(1, cancellationToken);

    /// <summary>Says that bytes at hand are used up; a negative number, down to -8, that as many used before are not.</summary>
    public void Advance(int count) => _position += count;

    /// <summary>Reads the trailer of a member, which is right here; null where the stream ends before.</summary>
    public async ValueTask<ulong?> ReadTrailerAsync(CancellationToken cancellationToken)
    {
        if (!await EnsureAsync(TrailerLength, cancellationToken).ConfigureAwait(false))
            return null;
        ulong trailer = BinaryPrimitives.ReadUInt64LittleEndian(Span);
        _position += TrailerLength;
        return trailer;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await EnsureAsync(PieceLength + TrailerLength, cancellationToken).ConfigureAwait(false);
        int count = PieceOf(Math.Min(Math.Min(buffer.Length, PieceLength), _end - _position));
        _buffer.AsSpan(_position, count).CopyTo(buffer.Span);
        _position += count;
        return count;
    }

    // Wherever the member may end, by the length that would be in its trailer, a piece ends too, and the one before it a byte earlier. So the member ends where the piece does
    // with which the inflater is done, or no trailer is there.
    private int PieceOf(int count)
    {
        uint most = (uint)(count + sizeof(ulong)) * MostExpanded; // it may have kept some bits
        for (int length = 1; length <= count && length + TrailerLength <= _end - _position; length++)
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(_buffer.AsSpan(_position + length + sizeof(uint))) - Expanded <= most)
                return Math.Max(length - 1, 1);
        }
        return count;
    }

    // Keeps a little in front of what is at hand: an inflater may give back what it took.
    private async ValueTask<bool> EnsureAsync(int count, CancellationToken cancellationToken)
    {
        if (_end - _position >= count)
            return true;
        int keepFrom = Math.Max(0, _position - TrailerLength);
        _buffer.AsSpan(keepFrom, _end - keepFrom).CopyTo(_buffer);
        _position -= keepFrom;
        _end -= keepFrom;
        while (_end - _position < count && await input.FillAsync(cancellationToken).ConfigureAwait(false))
        {
            int step = Math.Min(ChunkLength - _end, input.Span.Length);
            input.Span[..step].CopyTo(_buffer.AsSpan(_end));
            input.Advance(step);
            _end += step;
        }
        return _end - _position >= count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            ArrayPool<byte>.Shared.Return(_buffer);
        base.Dispose(disposing);
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
