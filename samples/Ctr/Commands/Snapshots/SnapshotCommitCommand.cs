using System.CommandLine;
using Containerd;

namespace Ctr.Commands;

internal static class SnapshotCommitCommand
{
    private static readonly Argument<string> Name = new("NAME") { Description = "The name to give it." };
    private static readonly Argument<string> Key = new("KEY") { Description = "The key of an active snapshot, which is not mounted any more." };
    private static readonly Option<string?> Parent = new("--parent") { Description = "The committed snapshot to put it on, where it was prepared without one.", HelpName = "NAME" };
    private static readonly Option<string[]> Labels = LabelArguments.Option();

    public static Command Create() => new Command("commit", "Seals an active snapshot under a name.") { Name, Key, Parent, Labels }
        .Does((suite, parse, cancellationToken) => suite.Snapshotter.CommitAsync(
            parse.GetRequiredValue(Name),
            parse.GetRequiredValue(Key),
            new SnapshotCommitOptions { Parent = parse.GetValue(Parent), Labels = LabelArguments.Parse(parse.GetValue(Labels)) },
            cancellationToken));
}
