using System.Buffers;
using ZstdSharp;

namespace Containerd.Snapshots;

/// <summary>Expands Zstandard (RFC 8878): any number of frames, skippable ones among them, and nothing but frames.</summary>
/// <remarks>A frame may ask for a window of up to 128 MiB, the format's recommended bound; more is refused.</remarks>
internal static class ZstandardDecoder
{
    public static async Task DecodeAsync(BlockReader input, BlockWriter output, CancellationToken cancellationToken)
    {
        using var decompressor = new Decompressor();
        bool insideFrame = false, pending = false;
        while (pending || await input.FillAsync(cancellationToken).ConfigureAwait(false))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Memory<byte> room = output.GetMemory();
            (OperationStatus status, int consumed, int written) = Step(decompressor, input.Span, room.Span);
            if (status == OperationStatus.InvalidData || (consumed == 0 && written == 0 && (!pending || status == OperationStatus.DestinationTooSmall)))
                throw Corrupted("it is malformed", null);
            input.Advance(consumed);
            if (!await output.AdvanceAsync(written, cancellationToken).ConfigureAwait(false))
                return;
            insideFrame = status != OperationStatus.Done;
            pending = status == OperationStatus.DestinationTooSmall; // output waits inside the decoder, maybe with all input taken
        }
        if (insideFrame)
            throw Corrupted("it ends in the middle of a frame", null);
        await output.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private static (OperationStatus Status, int Consumed, int Written) Step(Decompressor decompressor, ReadOnlySpan<byte> input, Span<byte> room)
    {
        try
        {
            OperationStatus status = decompressor.UnwrapStream(input, room, out int consumed, out int written);
            return (status, consumed, written);
        }
        catch (ZstdException e)
        {
            throw Corrupted(e.Message, e);
        }
    }

    private static ContainerdException Corrupted(string reason, Exception? cause) =>
        new(ErrorKind.DataCorrupted, $"Cannot expand the layer's Zstandard stream: {reason}. Fetch the layer again.", cause);
}
