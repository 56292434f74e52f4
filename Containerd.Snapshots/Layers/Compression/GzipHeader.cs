using System.Runtime.InteropServices;

namespace Containerd.Snapshots;

/// <summary>Reads the header of a gzip member (RFC 1952 §2.3), none of whose fields matters here, and checks its checksum where it has one.</summary>
internal sealed class GzipHeader(GzipInput input)
{
    private const int HeaderCrc = 2, Extra = 4, Name = 8, Comment = 16, Reserved = 0xE0;

    private uint _checksum;

    /// <summary>Reads the next header; false at the end of the stream, which zeros may fill up behind the first member.</summary>
    public async ValueTask<bool> ReadAsync(bool first, CancellationToken cancellationToken)
    {
        int start = await input.ReadByteAsync(cancellationToken).ConfigureAwait(false);
        if (!first && start == 0)
        {
            // Zeros are padding to a block of a tape or disk; anything behind them is as unexpected as without them.
            do
                start = await input.ReadByteAsync(cancellationToken).ConfigureAwait(false);
            while (start == 0);
            return start < 0 ? false : throw GzipDecoder.Corrupted("there is garbage behind its end");
        }
        if (start < 0)
            return first ? throw GzipDecoder.Corrupted("it is empty") : false;
        if (start != 0x1F || await input.ReadByteAsync(cancellationToken).ConfigureAwait(false) != 0x8B)
            throw GzipDecoder.Corrupted(first ? "it does not start as one" : "there is garbage behind its end");
        _checksum = Crc32.Append(0, [0x1F, 0x8B]);
        await ReadFieldsAsync(cancellationToken).ConfigureAwait(false);
        return true;
    }

    private async ValueTask ReadFieldsAsync(CancellationToken cancellationToken)
    {
        if (await NextAsync(cancellationToken).ConfigureAwait(false) != 8)
            throw GzipDecoder.Corrupted("it is compressed with an unknown method");
        int flags = await NextAsync(cancellationToken).ConfigureAwait(false);
        if ((flags & Reserved) != 0)
            throw GzipDecoder.Corrupted("its header has unknown flags");
        await SkipAsync(6, cancellationToken).ConfigureAwait(false); // time, level, system
        if ((flags & Extra) != 0)
            await SkipAsync(await NextPairAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        if ((flags & Name) != 0)
            await SkipTextAsync(cancellationToken).ConfigureAwait(false);
        if ((flags & Comment) != 0)
            await SkipTextAsync(cancellationToken).ConfigureAwait(false);
        if ((flags & HeaderCrc) != 0)
        {
            int expected = (ushort)_checksum;
            if (await NextPairAsync(cancellationToken).ConfigureAwait(false) != expected)
                throw GzipDecoder.Corrupted("the checksum of a header is wrong");
        }
    }

    private async ValueTask SkipAsync(int count, CancellationToken cancellationToken)
    {
        for (int i = 0; i < count; i++)
            await NextAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask SkipTextAsync(CancellationToken cancellationToken)
    {
        while (await NextAsync(cancellationToken).ConfigureAwait(false) != 0)
        {
        }
    }

    private async ValueTask<int> NextPairAsync(CancellationToken cancellationToken)
    {
        int low = await NextAsync(cancellationToken).ConfigureAwait(false);
        return low | (await NextAsync(cancellationToken).ConfigureAwait(false) << 8);
    }

    private async ValueTask<int> NextAsync(CancellationToken cancellationToken)
    {
        int value = await input.ReadByteAsync(cancellationToken).ConfigureAwait(false);
        if (value < 0)
            throw GzipDecoder.Corrupted("it ends in the middle of a header");
        byte seen = (byte)value;
        _checksum = Crc32.Append(_checksum, MemoryMarshal.CreateReadOnlySpan(ref seen, 1));
        return value;
    }
}
