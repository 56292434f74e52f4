namespace Containerd.Snapshots;

/// <summary>The compressions that come with the package, and how one of several is chosen.</summary>
public static class LayerCompressions
{
    /// <summary>gzip, Zstandard and none, in this order: what is neither of the first two is taken for an archive as it is.</summary>
    /// <remarks>To add another put it in front, <c>[new MyCompression(), .. LayerCompressions.BuiltIn]</c>: the last takes everything.</remarks>
    public static IReadOnlyList<ILayerCompression> BuiltIn { get; } = [new GzipCompression(), new ZstandardCompression(), new NoCompression()];

    /// <summary>The compression in which layers of a media type are written.</summary>
    /// <param name="compressions">The compressions there are.</param>
    /// <param name="mediaType">The media type.</param>
    /// <param name="purpose">What is being done, for the message: <c>apply</c>.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotSupported"/>: none of them has the media type.</exception>
    internal static ILayerCompression ForMediaType(IReadOnlyList<ILayerCompression> compressions, string mediaType, string purpose) =>
        compressions.FirstOrDefault(compression => compression.MediaTypes.Contains(mediaType, StringComparer.Ordinal))
            ?? throw Unknown(compressions, mediaType, $"Cannot {purpose} a layer of media type '{ArchiveText.Safe(mediaType)}'");

    /// <summary>The compression of a layer that is at hand: the first that takes it for its own (A-16).</summary>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotSupported"/>: none of them does.</exception>
    internal static ILayerCompression ForContent(IReadOnlyList<ILayerCompression> compressions, ReadOnlySpan<byte> start, string mediaType)
    {
        foreach (ILayerCompression compression in compressions)
        {
            if (compression.Matches(start, mediaType))
                return compression;
        }
        throw Unknown(compressions, mediaType, $"Cannot apply a layer that starts with 0x{Convert.ToHexString(start[..Math.Min(start.Length, 4)])}");
    }

    private static ContainerdException Unknown(IReadOnlyList<ILayerCompression> compressions, string mediaType, string what) => new(
        ErrorKind.NotSupported,
        $"{what}: its compression or encryption is unknown here. Known are {string.Join(", ", compressions.Select(compression => compression.Name))}; another can be added to the options.")
    {
        Subject = ArchiveText.Safe(mediaType),
    };
}
