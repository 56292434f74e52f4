using System.CommandLine;

namespace Ctr.Commands;

internal static class SnapshotMountCommand
{
    private static readonly Argument<string> Target = new("TARGET") { Description = "An existing directory." };

    public static Command Create() => new Command("mount", "Mounts an active snapshot or a view on a directory.") { SnapshotsCommand.Key, Target }
        .Does(async (suite, parse, cancellationToken) =>
            suite.Mounter.Mount(await suite.Snapshotter.MountsAsync(parse.GetRequiredValue(SnapshotsCommand.Key), cancellationToken), parse.GetRequiredValue(Target)));
}
