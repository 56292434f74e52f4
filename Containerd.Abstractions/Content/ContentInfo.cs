using System.Collections.Frozen;

namespace Containerd;

/// <summary>What a content store knows about one blob.</summary>
public sealed record ContentInfo
{
    /// <summary>The digest that names it.</summary>
    public required Digest Digest { get; init; }

    /// <summary>Its size in bytes.</summary>
    public required long Size { get; init; }

    /// <summary>What the host has attached to it.</summary>
    /// <value>Empty.</value>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>When it was committed.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When its labels last changed.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }
}
