using System.Buffers;
using System.Buffers.Binary;

namespace Containerd.Snapshots;

/// <summary>
/// Gives compressed bytes to an inflater, which reads ahead of the end of its member, and finds that end again: the checksum and length of what
/// came out, eight bytes long, stand right behind it.
/// </summary>
/// <remarks>
/// The BCL's own gzip stream ignores garbage behind a member and the loss of its end; hence this. A stream only for the inflater's reading side.
/// </remarks>
internal sealed class GzipInput(BlockReader input) : Stream
{
    private const int ChunkLength = 16 << 10;
    private const int HistoryLength = 1 << 10;
    private const int TrailerLength = 8;

    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(HistoryLength + ChunkLength + HistoryLength);
    private int _position;
    private int _end;
    private int _handed;
    private int _memberStart;

    /// <summary>The next byte, or -1 at the end.</summary>
    public async ValueTask<int> ReadByteAsync(CancellationToken cancellationToken) =>
        await EnsureAsync(1, _position, cancellationToken).ConfigureAwait(false) ? _buffer[_position++] : -1;

    /// <summary>Says that the compressed data of a member starts here.</summary>
    public void BeginMember() => _memberStart = _handed = _position;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!await EnsureAsync(1, _position, cancellationToken).ConfigureAwait(false))
            return 0;
        int count = Math.Min(buffer.Length, _end - _position);
        _buffer.AsSpan(_position, count).CopyTo(buffer.Span);
        _handed = _position;
        _position += count;
        return count;
    }

    /// <summary>Moves to right behind the trailer of the member that the inflater has finished.</summary>
    /// <returns>False where there is no such trailer: the member is damaged or cut off.</returns>
    public async ValueTask<bool> SeekBehindTrailerAsync(uint checksum, long length, CancellationToken cancellationToken)
    {
        // The inflater stopped within the last bytes it was handed; the trailer may reach beyond them.
        await EnsureAsync(TrailerLength, _handed, cancellationToken).ConfigureAwait(false);
        int at = length == 0 ? BehindNothing() : BehindContent(((ulong)(uint)length << 32) | checksum);
        if (at < 0)
            return false;
        _position = at + TrailerLength;
        return true;
    }

    // Sixty-four bits that have to be what they are find their own place.
    private int BehindContent(ulong trailer)
    {
        for (int at = Math.Max(_handed - TrailerLength, Math.Max(_memberStart + 2, 0)); at <= _end - TrailerLength; at++) // no deflate stream is shorter than two bytes
        {
            if (BinaryPrimitives.ReadUInt64LittleEndian(_buffer.AsSpan(at)) == trailer)
                return at;
        }
        return -1;
    }

    // The trailer of an empty member is all zeros, which many places look like: where it is, the compressed data itself has to tell.
    private int BehindNothing()
    {
        if (_memberStart < 0)
            return -1;
        int at = _memberStart + EmptyDeflate.Length(_buffer.AsSpan(_memberStart, _end - _memberStart));
        bool isTrailer = at > _memberStart && at <= _end - TrailerLength && BinaryPrimitives.ReadUInt64LittleEndian(_buffer.AsSpan(at)) == 0;
        return isTrailer ? at : -1;
    }

    // Keeps what lies behind an offset, and a little in front of it: a trailer, or a member without content, may have begun in what the inflater took before.
    private async ValueTask<bool> EnsureAsync(int count, int keepFrom, CancellationToken cancellationToken)
    {
        if (_end - _position >= count)
            return true;
        keepFrom = Math.Max(0, keepFrom - HistoryLength);
        _buffer.AsSpan(keepFrom, _end - keepFrom).CopyTo(_buffer);
        _position -= keepFrom;
        _end -= keepFrom;
        _handed -= keepFrom;
        _memberStart = Math.Max(_memberStart - keepFrom, int.MinValue / 2);
        while (_end - _position < count && await input.FillAsync(cancellationToken).ConfigureAwait(false))
        {
            int step = Math.Min(Math.Min(Math.Max(ChunkLength - _end, count), _buffer.Length - _end), input.Span.Length);
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
