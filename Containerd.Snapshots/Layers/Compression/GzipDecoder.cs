using System.IO.Compression;

namespace Containerd.Snapshots;

/// <summary>Expands gzip (RFC 1952): any number of members and zeros behind the last; damage, loss of the end and anything else behind it is an error.</summary>
internal static class GzipDecoder
{
    public static async Task DecodeAsync(BlockReader input, BlockWriter output, CancellationToken cancellationToken)
    {
        using var members = new GzipInput(input);
        var header = new GzipHeader(members);
        for (bool first = true; await header.ReadAsync(first, cancellationToken).ConfigureAwait(false); first = false)
        {
            members.BeginMember();
            if (await InflateAsync(members, output, cancellationToken).ConfigureAwait(false) is not (uint checksum, long length))
                return;
            if (!await members.SeekBehindTrailerAsync(checksum, length, cancellationToken).ConfigureAwait(false))
                throw Corrupted("a member is cut off, or its checksum or length is wrong");
        }
        await output.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    public static ContainerdException Corrupted(string reason, Exception? cause = null) =>
        new(ErrorKind.DataCorrupted, $"Cannot expand the layer's gzip stream: {reason}. Fetch the layer again.", cause);

    // The checksum and length that have to follow; null where nobody reads the output any more.
    private static async ValueTask<(uint Checksum, long Length)?> InflateAsync(GzipInput members, BlockWriter output, CancellationToken cancellationToken)
    {
        uint checksum = 0;
        long length = 0;
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
                    throw Corrupted("its compressed data is damaged", e);
                }
                if (count == 0)
                    return (checksum, length);
                checksum = Crc32.Append(checksum, room.Span[..count]);
                length += count;
                if (!await output.AdvanceAsync(count, cancellationToken).ConfigureAwait(false))
                    return null;
            }
        }
    }
}
