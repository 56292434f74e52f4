using System.IO.Pipelines;

namespace Containerd.Snapshots;

/// <summary>A way to compress layers. gzip and Zstandard come with the package; any other can be added to the options of the applier and the differ.</summary>
/// <remarks>
/// <para>Thread-safe: one object serves any number of layers at once. Both directions read their input once, forward, to its end, and hold no more of it
/// than the format needs (a window, a few blocks). Neither completes the reader or the writer; both flush what they wrote, stop at
/// <see cref="FlushResult.IsCompleted"/> and observe the token. What the reader or the writer throws comes through as it is.</para>
/// <para>Input is hostile: what is damaged, cut off or followed by something else is refused, and no declared size is allocated before it is seen to be
/// true. How much may come out is bounded by the caller (<see cref="LayerLimits"/>), whose writer throws when it is too much: flush at least every few
/// hundred KiB, since what is not flushed is memory.</para>
/// </remarks>
public interface ILayerCompression
{
    /// <summary>What it is called in messages, such as <c>gzip</c>.</summary>
    string Name { get; }

    /// <summary>The media types of layers that are compressed so, OCI's first. A layer written under one of them is compressed with it.</summary>
    IReadOnlyList<string> MediaTypes { get; }

    /// <summary>Whether a layer is compressed in this way. Of several compressions the first that says so is used.</summary>
    /// <remarks>Layers are told by their bytes, since media types lie; only a format whose bytes have no mark of their own goes by the media type.</remarks>
    /// <param name="start">Its first bytes: up to 32; fewer only where the whole layer has fewer. Never empty.</param>
    /// <param name="mediaType">What its descriptor says of it.</param>
    bool Matches(ReadOnlySpan<byte> start, string mediaType);

    /// <summary>Expands a layer.</summary>
    /// <param name="compressed">The compressed bytes.</param>
    /// <param name="expanded">Takes the archive.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.DataCorrupted"/>: the stream is damaged, ends too early, or something else is behind its end.</exception>
    Task ExpandAsync(PipeReader compressed, PipeWriter expanded, CancellationToken cancellationToken = default);

    /// <summary>Compresses a layer. What comes out depends on the bytes and the level, not on how they arrive or how many processors there are.</summary>
    /// <param name="expanded">The archive.</param>
    /// <param name="compressed">Takes the compressed bytes.</param>
    /// <param name="level">How hard to try, in the compression's own scale; null for its default.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.InvalidArgument"/>: there is no such level. -or- <see cref="ErrorKind.NotSupported"/>: it only expands.</exception>
    Task CompressAsync(PipeReader expanded, PipeWriter compressed, int? level = null, CancellationToken cancellationToken = default);
}
