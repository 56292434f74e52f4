using System.CommandLine;
using Containerd.Snapshots;

namespace Ctr.Commands;

internal static class SnapshotRepairCommand
{
    private static readonly Option<bool> RemoveActive = new("--remove-active") { Description = "Also remove writable snapshots over damaged ones, with what was written to them." };

    private static readonly Option<bool> RemoveForeign = new("--remove-foreign") { Description = "Also delete what lies among the trees and is no snapshotter's." };

    public static Command Create() => new Command(
        "repair", $"Removes damaged snapshots and what is based on them, and prints their names. Exit code {SnapshotVerifyCommand.DefectsFound} where something is still wrong.")
    {
        RemoveActive,
        RemoveForeign,
    }
        .Does(async (suite, parse, cancellationToken) =>
        {
            var options = new SnapshotRepairOptions { RemoveActive = parse.GetValue(RemoveActive), RemoveForeign = parse.GetValue(RemoveForeign) };
            SnapshotRepairResult result = await WorkDisplay.ShowAsync(progress => suite.Store.RepairAsync(options, progress, cancellationToken));
            foreach (string name in result.Removed)
                Console.WriteLine(name);
            SnapshotVerifyCommand.Print(parse, result.Remaining);
            return result.Remaining.Count == 0 ? 0 : SnapshotVerifyCommand.DefectsFound;
        });
}
