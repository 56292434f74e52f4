using System.CommandLine;
using Containerd;

namespace Ctr.Commands;

internal static class SnapshotLabelCommand
{
    private static readonly Argument<string[]> Changes = new("NAME=VALUE") { Description = "Labels to set; an empty value removes one.", Arity = ArgumentArity.OneOrMore };

    public static Command Create() => new Command("label", "Changes labels of a snapshot, and prints those it has afterwards.") { SnapshotsCommand.Key, Changes }
        .Does(async (suite, parse, cancellationToken) =>
        {
            SnapshotInfo snapshot = await suite.Snapshotter.UpdateAsync(
                parse.GetRequiredValue(SnapshotsCommand.Key), LabelArguments.ParseUpdate(parse.GetRequiredValue(Changes)), cancellationToken);
            foreach (string label in LabelArguments.Format(snapshot.Labels))
                Console.WriteLine(label);
        });
}
