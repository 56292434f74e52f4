using Microsoft.Extensions.Logging;

namespace Containerd.Snapshots;

public sealed partial class OverlaySnapshotter
{
    [LoggerMessage(EventId = 3001, Level = LogLevel.Debug, Message = "Opened the overlay store '{Root}' with durability {Durability}")]
    private partial void LogOpened(string root, Durability durability);

    [LoggerMessage(EventId = 3002, Level = LogLevel.Warning, Message = "Tree {Tree} of '{Root}' is garbage but stays where it is until the next clean-up: {Reason}")]
    private partial void LogGarbageStays(string root, long tree, string reason);

    [LoggerMessage(EventId = 3003, Level = LogLevel.Information, Message = "Cleaned up '{Root}': {Count} trees deleted, {Owners} dead processes forgotten")]
    private partial void LogCleanedUp(string root, int count, int owners);

    [LoggerMessage(EventId = 3004, Level = LogLevel.Warning, Message = "The tree {Tree} that '{Root}' kept for layer {DiffId} is lost; the layer is kept anew")]
    private partial void LogSharedTreeLost(string root, long tree, Digest diffId);
}
