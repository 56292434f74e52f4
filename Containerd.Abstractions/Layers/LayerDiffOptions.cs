namespace Containerd;

/// <summary>How <see cref="ILayerDiffer"/> writes a layer.</summary>
public sealed record LayerDiffOptions
{
    /// <summary>The media type of the layer, which decides its compression.</summary>
    /// <value><see cref="MediaTypes.OciLayerGzip"/>.</value>
    public string MediaType { get; init; } = MediaTypes.OciLayerGzip;

    /// <summary>How hard to compress, in the scale of the compression that <see cref="MediaType"/> names: 0 to 9 for gzip, 1 to 19 for Zstandard.</summary>
    /// <value>Null: the default of the compression.</value>
    public int? CompressionLevel { get; init; }

    /// <summary>Modification times later than this are written as this (SOURCE_DATE_EPOCH).</summary>
    /// <value>Null: times are written as they are, in whole seconds.</value>
    public DateTimeOffset? SourceDate { get; init; }
}
