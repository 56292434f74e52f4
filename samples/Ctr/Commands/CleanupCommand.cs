using System.CommandLine;

namespace Ctr.Commands;

internal static class CleanupCommand
{
    public static Command Create() => new Command("cleanup", "Removes what commands that were killed have left: containers, their snapshots, and what lies on disk.")
        .Does(async (suite, _, cancellationToken) =>
        {
            foreach (string id in await suite.RemoveLeftoversAsync(cancellationToken))
                Console.WriteLine(id);
            await suite.Snapshotter.CleanupAsync(cancellationToken);
        });
}
