namespace Containerd.Snapshots;

/// <summary>How <see cref="TarLayerDiffer"/> writes layers.</summary>
public sealed record TarLayerDifferOptions
{
    /// <summary>The compressions that a layer can be written with; of several for one media type the first.</summary>
    /// <value>None.</value>
    public IReadOnlyList<ILayerCompression> Compressions { get; init; } = [];
}
