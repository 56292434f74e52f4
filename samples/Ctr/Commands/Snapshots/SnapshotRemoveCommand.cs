using System.CommandLine;
using Containerd;

namespace Ctr.Commands;

internal static class SnapshotRemoveCommand
{
    private static readonly Argument<string[]> Keys = new("KEY") { Description = "Keys, or names of committed snapshots; children before their parents.", Arity = ArgumentArity.OneOrMore };

    public static Command Create() => new Command("rm", "Removes snapshots.") { Keys }
        .Does(async (suite, parse, cancellationToken) =>
        {
            int exitCode = 0;
            foreach (string key in parse.GetRequiredValue(Keys))
            {
                try
                {
                    await suite.Snapshotter.RemoveAsync(key, cancellationToken);
                }
                catch (ContainerdException failure)
                {
                    // One that cannot be removed does not keep the others, as with rm(1).
                    exitCode = parse.Report(failure);
                }
            }
            return exitCode;
        });
}
