namespace Containerd.Snapshots;

/// <summary>How <see cref="TarLayerDiffer"/> writes layers.</summary>
public sealed record TarLayerDifferOptions
{
    /// <summary>How layers may be compressed: the first that has the media type of a layer compresses it.</summary>
    /// <value><see cref="LayerCompressions.BuiltIn"/>: gzip, Zstandard and none.</value>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public IReadOnlyList<ILayerCompression> Compressions
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            field = value;
        }
    } = LayerCompressions.BuiltIn;
}
