using Microsoft.Extensions.Logging;

namespace Containerd.Snapshots;

/// <summary>What a copy is asked to do.</summary>
internal sealed record CopyParameters
{
    public required string Source { get; init; }

    public required string Destination { get; init; }

    public required PathSelection Selection { get; init; }

    public required bool IsMirror { get; init; }

    /// <summary>How many threads copy at most.</summary>
    public required int Parallelism { get; init; }

    public required IProgress<FileTreeCopyProgress>? Progress { get; init; }

    public required ILogger Logger { get; init; }

    public required CancellationToken CancellationToken { get; init; }
}
