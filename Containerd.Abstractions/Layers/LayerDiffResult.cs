namespace Containerd;

/// <summary>The layer that <see cref="ILayerDiffer"/> wrote.</summary>
/// <param name="Layer">Media type, digest and size of the compressed bytes.</param>
/// <param name="DiffId">The digest of the uncompressed bytes.</param>
/// <param name="UncompressedSize">The number of uncompressed bytes.</param>
public sealed record LayerDiffResult(Descriptor Layer, Digest DiffId, long UncompressedSize);
