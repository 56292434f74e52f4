namespace Containerd.Images;

/// <summary>An image for one platform, whose manifest and configuration are in a content store.</summary>
/// <remarks>Immutable; equality is by reference for lists. Everything except <see cref="Name"/> comes from the image's author and is untrusted.</remarks>
public sealed record Image
{
    /// <summary>The name it has in the image store.</summary>
    public required string Name { get; init; }

    /// <summary>What the name stands for: an index, or the manifest itself.</summary>
    public required Descriptor Target { get; init; }

    /// <summary>The manifest for the platform.</summary>
    public required Descriptor Manifest { get; init; }

    /// <summary>The layers as they are stored, usually compressed, lowest first; as many as <see cref="DiffIds"/>.</summary>
    public required IReadOnlyList<Descriptor> Layers { get; init; }

    /// <summary>The whole configuration.</summary>
    public required ImageConfiguration Configuration { get; init; }

    /// <summary>What the image wishes for its process; empty where it wishes nothing.</summary>
    public ImageConfig Config => Configuration.Config ?? new ImageConfig();

    /// <summary>What the image runs on; null where it does not say.</summary>
    public Platform? Platform => Configuration.Platform ?? Manifest.Platform;

    /// <summary>The digests of the uncompressed layers, lowest first.</summary>
    public IReadOnlyList<Digest> DiffIds => Configuration.RootFileSystem.DiffIds;

    /// <summary>The name of the snapshot that the whole image is unpacked as; null for an image without layers.</summary>
    public string? ChainId => DiffIds.Count == 0 ? null : Images.ChainId.Compute(DiffIds).ToString();
}
