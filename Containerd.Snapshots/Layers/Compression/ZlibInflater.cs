using System.IO.Compression;

namespace Containerd.Snapshots;

/// <summary>Inflates the members of a gzip stream with the zlib of the runtime.</summary>
internal sealed class ZlibInflater(GzipInput members, BlockWriter output)
{
    /// <inheritdoc cref="IsalInflater.InflateAsync"/>
    public async ValueTask<bool> InflateAsync(CancellationToken cancellationToken)
    {
        members.Expanded = 0;
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
                members.Expanded = trailer.Length;
                if (!await output.AdvanceAsync(count, cancellationToken).ConfigureAwait(false))
                    return false;
            }
        }
        return await members.ReadTrailerAsync(cancellationToken).ConfigureAwait(false) == trailer.Value ? true : throw GzipDecoder.BadTrailer();
    }
}
