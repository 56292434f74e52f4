using System.IO.Pipelines;

namespace Containerd.Snapshots;

/// <summary>A way to compress layers. gzip and Zstandard come with the package; any other can be added to the options of the applier and the differ.</summary>
/// <remarks>
/// <para>Thread-safe: one object serves any number of layers at once. Both directions read their input once, forward, to its end, and hold no more of it
/// than the format needs (a window, a block). Neither completes the reader or the writer; both stop at <see cref="FlushResult.IsCompleted"/> and
/// observe the token.</para>
/// <para>Input is hostile: what is damaged, cut off or followed by something else is refused, and no declared size is allocated before it is seen to be
/// true. How much may come out is bounded by the caller (<see cref="LayerLimits"/>), when the output is flushed: flush at least every few hundred KiB.</para>
/// </remarks>
public interface ILayerCompression
{
    /// <summary>What it is called in messages, such as <c>gzip</c>.</summary>
    string Name { get; }

    /// <summary>The media types of layers that are compressed so, OCI's first. A layer written under one of them is compressed with it.</summary>
    IReadOnlyList<string> MediaTypes { get; }

    /// <summary>Whether a layer that starts so is compressed in this way. Layers are told by their bytes, since media types lie .</summary>
    /// <param name="start">Up to 32 bytes; fewer only where the whole layer has fewer. Never empty.</param>
    bool Matches(ReadOnlySpan<byte> start);

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
