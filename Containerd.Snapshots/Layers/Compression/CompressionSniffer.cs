namespace Containerd.Snapshots;

/// <summary>Tells how a layer is compressed: the bytes decide, as in containerd; the media type only where it names what nobody here can read .</summary>
internal static class CompressionSniffer
{
    /// <summary>Refuses a media type that is no layer, or one of a compression or encryption that is unknown here.</summary>
    public static void CheckMediaType(string mediaType)
    {
        string suffix = MediaTypes.IsLayer(mediaType) ? mediaType[(mediaType.IndexOf(".tar", StringComparison.Ordinal) + 4)..] : "?";
        if (suffix is not ("" or "+gzip" or "+zstd" or ".gzip" or ".zstd"))
        {
            string safe = ArchiveText.Safe(mediaType);
            throw new ContainerdException(
                ErrorKind.NotSupported,
                $"Cannot apply content of media type '{safe}': only tar layers, plain or compressed with gzip or Zstandard, can be applied.") { Subject = safe };
        }
    }

    /// <summary>Looks at the first bytes of a layer; an empty layer is not compressed.</summary>
    public static LayerCompression Sniff(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B, 0x08]))
            return LayerCompression.Gzip;
        bool zstandard = start.StartsWith((ReadOnlySpan<byte>)[0x28, 0xB5, 0x2F, 0xFD]);
        bool skippable = start.Length >= 8 && (start[0] & 0xF0) == 0x50 && start[1..].StartsWith((ReadOnlySpan<byte>)[0x2A, 0x4D, 0x18]);
        return zstandard || skippable ? LayerCompression.Zstandard : LayerCompression.None;
    }
}
