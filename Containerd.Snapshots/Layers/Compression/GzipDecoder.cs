namespace Containerd.Snapshots;

/// <summary>Expands gzip (RFC 1952): any number of members and zeros behind the last; damage, loss of the end and anything else behind it is an error.</summary>
internal static class GzipDecoder
{
    public static async Task DecodeAsync(BlockReader input, BlockWriter output, bool useIsal, CancellationToken cancellationToken)
    {
        using var members = new GzipInput(input);
        using IsalInflater? isal = useIsal ? new IsalInflater(members, output) : null;
        var zlib = new ZlibInflater(members, output);
        var header = new GzipHeader(members);
        for (bool first = true; await header.ReadAsync(first, cancellationToken).ConfigureAwait(false); first = false)
        {
            bool goesOn = isal is not null ? await isal.InflateAsync(cancellationToken).ConfigureAwait(false) : await zlib.InflateAsync(cancellationToken).ConfigureAwait(false);
            if (!goesOn)
                return;
        }
        await output.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    public static ContainerdException Corrupted(string reason, Exception? cause = null) =>
        new(ErrorKind.DataCorrupted, $"Cannot expand the layer's gzip stream: {reason}. Fetch the layer again.", cause);

    public static ContainerdException BadTrailer() => Corrupted("a member is cut off, or its checksum or length is wrong");
}
