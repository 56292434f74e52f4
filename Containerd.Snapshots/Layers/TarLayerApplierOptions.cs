namespace Containerd.Snapshots;

/// <summary>How <see cref="TarLayerApplier"/> applies layers.</summary>
public sealed record TarLayerApplierOptions
{
    /// <summary>How much a layer may demand.</summary>
    /// <value>The defaults of <see cref="LayerLimits"/>.</value>
    public LayerLimits Limits { get; init; } = new();

    /// <summary>
    /// How layers may be compressed. The first that takes the bytes of a layer for its own expands them; a layer whose media type none of them has is refused
    /// before it is read, since it may be encrypted.
    /// </summary>
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

    /// <summary>
    /// Whether <c>security.*</c> attributes other than <c>security.capability</c> are applied: labels of SELinux, Smack, IMA and the like, with which
    /// an image could claim a trust that the host has not given it.
    /// </summary>
    /// <value>False: they are left out with a warning.</value>
    public bool ApplySecurityLabels { get; init; }

    /// <summary>Whether <c>openat2</c> may be used. Without it paths are resolved one component at a time: slower, and as safe.</summary>
    internal bool UseConfinedLookup { get; init; } = true;

    /// <summary>How many layers the applier takes for enough to keep all processors occupied. At least 1.</summary>
    internal int Processors { get; init; } = Environment.ProcessorCount;
}
