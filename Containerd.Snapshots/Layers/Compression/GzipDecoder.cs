using System.IO.Compression;

namespace Containerd.Snapshots;

/// <summary>Expands gzip (RFC 1952): any number of members and zeros behind the last; damage, loss of the end and anything else behind it is an error.</summary>
internal static class GzipDecoder
{
    private const int HeaderCrc = 2, Extra = 4, Name = 8, Comment = 16, Reserved = 0xE0;

    public static async Task DecodeAsync(BlockReader input, BlockWriter output, CancellationToken cancellationToken)
    {
        using var members = new GzipInput(input);
        bool first = true;
        while (await ReadHeaderAsync(members, first, cancellationToken).ConfigureAwait(false))
        {
            first = false;
            members.BeginMember();
            ulong trailer = await InflateAsync(members, output, cancellationToken).ConfigureAwait(false);
            if (!await members.SeekBehindTrailerAsync(trailer, cancellationToken).ConfigureAwait(false))
                throw Corrupted("a member is cut off, or its checksum or length is wrong");
        }
    }

    private static async ValueTask<ulong> InflateAsync(GzipInput members, BlockWriter output, CancellationToken cancellationToken)
    {
        uint checksum = 0;
        long length = 0;
        var inflate = new DeflateStream(members, CompressionMode.Decompress, leaveOpen: true);
        await using (inflate.ConfigureAwait(false))
        {
            while (true)
            {
                Memory<byte> room = await output.GetMemoryAsync(cancellationToken).ConfigureAwait(false);
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
                    return ((ulong)(uint)length << 32) | checksum;
                checksum = Crc32.Append(checksum, room.Span[..count]);
                length += count;
                output.Advance(count);
            }
        }
    }

    // False at the end of the stream.
    private static async ValueTask<bool> ReadHeaderAsync(GzipInput members, bool first, CancellationToken cancellationToken)
    {
        int start = await members.ReadByteAsync(cancellationToken).ConfigureAwait(false);
        if (!first && start == 0)
        {
            // Zeros are padding to a block of a tape or disk; anything behind them is as unexpected as without them.
            do
                start = await members.ReadByteAsync(cancellationToken).ConfigureAwait(false);
            while (start == 0);
            return start < 0 ? false : throw Corrupted("there is garbage behind its end");
        }
        if (start < 0)
            return false;
        if (start != 0x1F || await members.ReadByteAsync(cancellationToken).ConfigureAwait(false) != 0x8B)
            throw Corrupted("there is garbage behind its end");
        if (await NextAsync(members, cancellationToken).ConfigureAwait(false) != 8)
            throw Corrupted("it is compressed with an unknown method");
        int flags = await NextAsync(members, cancellationToken).ConfigureAwait(false);
        if ((flags & Reserved) != 0)
            throw Corrupted("its header has unknown flags");
        await SkipAsync(members, 6, cancellationToken).ConfigureAwait(false); // time, level, system
        if ((flags & Extra) != 0)
        {
            int length = await NextAsync(members, cancellationToken).ConfigureAwait(false);
            length |= await NextAsync(members, cancellationToken).ConfigureAwait(false) << 8;
            await SkipAsync(members, length, cancellationToken).ConfigureAwait(false);
        }
        for (int text = 0; text < ((flags & Name) != 0 ? 1 : 0) + ((flags & Comment) != 0 ? 1 : 0); text++)
        {
            while (await NextAsync(members, cancellationToken).ConfigureAwait(false) != 0)
            {
            }
        }
        if ((flags & HeaderCrc) != 0)
            await SkipAsync(members, 2, cancellationToken).ConfigureAwait(false);
        return true;
    }

    private static async ValueTask SkipAsync(GzipInput members, int count, CancellationToken cancellationToken)
    {
        for (int i = 0; i < count; i++)
            await NextAsync(members, cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask<int> NextAsync(GzipInput members, CancellationToken cancellationToken)
    {
        int value = await members.ReadByteAsync(cancellationToken).ConfigureAwait(false);
        return value >= 0 ? value : throw Corrupted("it ends in the middle of a header");
    }

    private static ContainerdException Corrupted(string reason, Exception? cause = null) =>
        new(ErrorKind.DataCorrupted, $"Cannot expand the layer's gzip stream: {reason}. Fetch the layer again.", cause);
}
