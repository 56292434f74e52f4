using System.IO.Compression;

namespace Containerd.Snapshots;

/// <summary>Inflates the members of a gzip stream with the zlib of the runtime.</summary>
internal sealed class ZlibInflater(GzipInput members, BlockWriter output)
{
    /// <inheritdoc cref="IsalInflater.InflateAsync"/>
    public async ValueTask<bool> InflateAsync(CancellationToken cancellationToken)
    {
        members.BeginMember();
        var trailer = new MemberTrailer();
        var inflate = new DeflateStream(members, CompressionMode.Decompress, leaveOpen: true);
        await using (inflate.ConfigureAwait(false))
        {
            while (true)
            {
                Memory<byte> room = output.GetMemory();
                int count;
                try
                {
                    count = await inflate.ReadAsync(room, cancellationToken).ConfigureAwait(false);
                }
                catch (InvalidDataException e)
                {
                    throw GzipDecoder.Corrupted("its compressed data is damaged", e);
                }
                if (count == 0)
                    break;
                trailer.Append(room.Span[..count]);
                if (!await output.AdvanceAsync(count, cancellationToken).ConfigureAwait(false))
                    return false;
            }
        }
        return await members.SeekBehindTrailerAsync(trailer, cancellationToken).ConfigureAwait(false) ? true : throw GzipDecoder.BadTrailer();
    }
}
