using System.CommandLine;
using System.Globalization;
using Containerd;

namespace Ctr.Commands;

internal static class SnapshotUsageCommand
{
    private static readonly Argument<string[]> Keys = new("KEY") { Description = "Keys, or names of committed snapshots.", Arity = ArgumentArity.OneOrMore };

    public static Command Create() => new Command("usage", "Shows what snapshots take on disk, without what is beneath them.") { Keys }
        .Does(async (suite, parse, cancellationToken) =>
        {
            var rows = new List<string[]>();
            foreach (string key in parse.GetRequiredValue(Keys))
            {
                SnapshotUsage usage = await suite.Snapshotter.UsageAsync(key, cancellationToken);
                rows.Add([key, usage.Bytes.ToString(CultureInfo.InvariantCulture), usage.Inodes.ToString(CultureInfo.InvariantCulture)]);
            }
            parse.Print(["KEY", "BYTES", "INODES"], rows);
        });
}
