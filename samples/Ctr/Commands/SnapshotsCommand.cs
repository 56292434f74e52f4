using System.CommandLine;
using System.Globalization;
using Containerd;

namespace Ctr.Commands;

internal static class SnapshotsCommand
{
    private static readonly Argument<string> Key = new("KEY") { Description = "A key, or a committed snapshot's name." };

    public static Command Create()
    {
        Command remove = new Command("rm", "Removes a snapshot.") { Key }
            .Does((suite, parse, cancellationToken) => suite.Snapshotter.RemoveAsync(parse.GetRequiredValue(Key), cancellationToken));
        Command cleanup = new Command("cleanup", "Frees what removed snapshots and interrupted calls have left on disk.")
            .Does((suite, _, cancellationToken) => suite.Snapshotter.CleanupAsync(cancellationToken));
        return new Command("snapshots", "Lists snapshots.") { GlobalOptions.Quiet, remove, cleanup }
            .Does(async (suite, parse, cancellationToken) =>
            {
                var rows = new List<string[]>();
                await foreach (SnapshotInfo snapshot in suite.Snapshotter.ListAsync(cancellationToken: cancellationToken))
                {
                    SnapshotUsage usage = await suite.Snapshotter.UsageAsync(snapshot.Name, cancellationToken);
                    rows.Add([snapshot.Name, snapshot.Kind.ToString(), snapshot.Parent ?? "", usage.Bytes.ToString(CultureInfo.InvariantCulture)]);
                }
                parse.Print(["KEY", "KIND", "PARENT", "BYTES"], rows);
            });
    }
}
