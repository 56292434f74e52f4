namespace Containerd;

/// <summary>What <see cref="ILayerApplier"/> applied.</summary>
public sealed record LayerApplyResult
{
    /// <summary>The digest of the whole uncompressed stream, padding behind the archive's end included.</summary>
    public required Digest DiffId { get; init; }

    /// <summary>The length of the whole uncompressed stream in bytes.</summary>
    public required long Size { get; init; }

    /// <summary>The number of entries in the archive, whiteouts included.</summary>
    public required long Entries { get; init; }

    /// <summary>
    /// Whether the result depended on what was beneath: a parent directory that the archive does not describe, a hard link to a file of a lower
    /// layer, a whiteout in a tree that keeps none. Such a tree cannot be put over another base. True also where that cannot be excluded.
    /// </summary>
    public required bool DependsOnBase { get; init; }
}
