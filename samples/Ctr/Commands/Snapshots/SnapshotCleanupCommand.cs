using System.CommandLine;

namespace Ctr.Commands;

internal static class SnapshotCleanupCommand
{
    public static Command Create() => new Command("cleanup", "Frees what removed snapshots and interrupted calls have left on disk.")
        .Does((suite, _, cancellationToken) => WorkDisplay.ShowAsync(async progress =>
        {
            await suite.Store.CleanupAsync(progress, cancellationToken);
            return 0;
        }));
}
