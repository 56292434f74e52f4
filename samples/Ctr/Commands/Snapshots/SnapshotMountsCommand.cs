using System.CommandLine;

namespace Ctr.Commands;

internal static class SnapshotMountsCommand
{
    public static Command Create() => new Command("mounts", "Prints the mounts that give access to an active snapshot or a view.") { SnapshotsCommand.Key, MountDisplay.Json }
        .Does(async (suite, parse, cancellationToken) =>
            MountDisplay.Print(parse, await suite.Snapshotter.MountsAsync(parse.GetRequiredValue(SnapshotsCommand.Key), cancellationToken)));
}
