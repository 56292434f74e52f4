using System.Buffers;

namespace Containerd.Snapshots;

/// <summary>Inflates the members of a gzip stream with ISA-L. It says where a member ends, so that nothing needs to be searched.</summary>
internal sealed class IsalInflater(GzipInput members, BlockWriter output) : IDisposable
{
    // What it needs to work in large steps; a smaller rest of a block is left unused.
    private const int MinRoom = 32 << 10;

    private readonly byte[] _state = ArrayPool<byte>.Shared.Rent(Interop.Isal.StateLength);

    /// <summary>Inflates a member and checks its trailer.</summary>
    /// <returns>False where nobody reads the output any more.</returns>
    public async ValueTask<bool> InflateAsync(CancellationToken cancellationToken)
    {
        Interop.Isal.Begin(_state);
        var trailer = new MemberTrailer();
        // Where the input ends too early, the trailer is missing.
        for (bool isAtEnd = false; !isAtEnd && await members.FillAsync(cancellationToken).ConfigureAwait(false);)
        {
            Memory<byte> room = output.GetMemory(MinRoom);
            int available = members.Span.Length;
            if (!Interop.Isal.TryInflate(_state, members.Span, room.Span, out int consumed, out int written))
                throw GzipDecoder.Corrupted("its compressed data is damaged");
            // It stops before it has to only at the end.
            isAtEnd = consumed < available && written < room.Length;
            members.Advance(consumed);
            trailer.Append(room.Span[..written]);
            if (!await output.AdvanceAsync(written, cancellationToken).ConfigureAwait(false))
                return false;
        }
        members.Advance(-Interop.Isal.Unused(_state));
        return await members.ReadTrailerAsync(cancellationToken).ConfigureAwait(false) == trailer.Value ? true : throw GzipDecoder.BadTrailer();
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_state);
}
