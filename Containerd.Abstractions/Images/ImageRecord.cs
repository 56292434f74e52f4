using System.Collections.Frozen;

namespace Containerd;

/// <summary>A name in an image store, and what it stands for.</summary>
public sealed record ImageRecord
{
    /// <summary>The name, by convention a full image reference with a tag: <c>docker.io/library/alpine:3.22</c>. 1 to 512 bytes of UTF-8 without control characters.</summary>
    public required string Name { get; init; }

    /// <summary>The image: an index or a manifest.</summary>
    public required Descriptor Target { get; init; }

    /// <summary>Its labels. They come from the host, never from the image.</summary>
    /// <value>Empty.</value>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>When the name was made. Set by the store.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When its target or labels last changed. Set by the store.</summary>
    public DateTimeOffset UpdatedAt { get; init; }
}
