using System.Collections.Frozen;

namespace Containerd;

/// <summary>What a snapshotter knows about one snapshot.</summary>
public sealed record SnapshotInfo
{
    /// <summary>The key of an active snapshot or view, or the name of a committed one.</summary>
    public required string Name { get; init; }

    /// <summary>What it is.</summary>
    public required SnapshotKind Kind { get; init; }

    /// <summary>The name of the committed snapshot beneath it; null where it started empty.</summary>
    public string? Parent { get; init; }

    /// <summary>What the host has attached to it.</summary>
    /// <value>Empty.</value>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>When it was prepared, or for a committed snapshot when it was committed.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When its labels last changed.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }
}
