using Microsoft.Extensions.Logging;

namespace Containerd.Snapshots;

public abstract partial class LocalSnapshotter
{
    [LoggerMessage(EventId = 3001, Level = LogLevel.Debug, Message = "Opened the {Snapshotter} store '{Root}' with durability {Durability}")]
    private partial void LogOpened(string snapshotter, string root, Durability durability);

    [LoggerMessage(EventId = 3002, Level = LogLevel.Warning, Message = "Tree {Tree} of '{Root}' is garbage but stays where it is until the next clean-up: {Reason}")]
    private partial void LogGarbageStays(string root, long tree, string reason);

    [LoggerMessage(EventId = 3003, Level = LogLevel.Information, Message = "Cleaned up '{Root}': {Count} trees deleted, {Owners} dead processes forgotten")]
    private partial void LogCleanedUp(string root, int count, int owners);

    [LoggerMessage(EventId = 3004, Level = LogLevel.Warning, Message = "The tree {Tree} that '{Root}' kept for layer {DiffId} is lost; the layer is kept anew")]
    private partial void LogSharedTreeLost(string root, long tree, Digest diffId);

    [LoggerMessage(EventId = 3007, Level = LogLevel.Information, Message = "Repaired '{Root}': {Found} defects found, {Removed} snapshots removed, {Remaining} defects remain")]
    private partial void LogRepaired(string root, int found, int removed, int remaining);

    [LoggerMessage(EventId = 3008, Level = LogLevel.Warning, Message = "The committed tree {Tree} of '{Root}' could not be closed to writing: {Reason}")]
    private partial void LogNotClosed(string root, long tree, string reason);

    [LoggerMessage(EventId = 3012, Level = LogLevel.Warning, Message = "The active tree {Tree} of '{Root}' keeps attributes of the parent that it was not committed onto: {Reason}")]
    private partial void LogNotRestored(string root, long tree, string reason);

    [LoggerMessage(EventId = 3013, Level = LogLevel.Information, Message = "Waiting for another call to finish committing snapshot '{Key}' of '{Root}'")]
    private partial void LogWaitingForCommit(string key, string root);

    [LoggerMessage(EventId = 3005, Level = LogLevel.Warning, Message = "Something removed from '{Root}' could not be deleted: {Reason}")]
    private partial void LogNotCleaned(string root, string reason);

    [LoggerMessage(EventId = 3006, Level = LogLevel.Warning, Message = "The directory '{Place}' that '{Root}' has writable trees in cannot be opened; it is not cleaned up: {Reason}")]
    private partial void LogPlaceMissing(string root, string place, string reason);
}
