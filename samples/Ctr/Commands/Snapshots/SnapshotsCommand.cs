using System.CommandLine;

namespace Ctr.Commands;

internal static class SnapshotsCommand
{
    /// <summary>The key of a snapshot, or the name of a committed one.</summary>
    public static readonly Argument<string> Key = new("KEY") { Description = "A key, or a committed snapshot's name." };

    public static Command Create()
    {
        Command snapshots = new("snapshots", "Lists and changes snapshots.")
        {
            SnapshotListCommand.Create(),
            SnapshotPrepareCommand.CreatePrepare(),
            SnapshotPrepareCommand.CreateView(),
            SnapshotCommitCommand.Create(),
            SnapshotRemoveCommand.Create(),
            SnapshotMountsCommand.Create(),
            SnapshotMountCommand.Create(),
            SnapshotUsageCommand.Create(),
            SnapshotLabelCommand.Create(),
            SnapshotVerifyCommand.Create(),
            SnapshotRepairCommand.Create(),
            SnapshotRecoverCommand.Create(),
            SnapshotCleanupCommand.Create(),
            SnapshotProbeCommand.Create(),
        };
        // Without a verb, as `images` and `content` do.
        return SnapshotListCommand.Lists(snapshots);
    }
}
