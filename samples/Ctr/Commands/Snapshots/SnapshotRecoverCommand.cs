using System.CommandLine;
using Containerd.Snapshots;

namespace Ctr.Commands;

internal static class SnapshotRecoverCommand
{
    public static Command Create() => new Command("recover", "Saves what can be read of a damaged database, for a store that cannot be opened, and prints the snapshots saved.")
        .Does((suite, _, _) =>
        {
            foreach (string name in StoreRecovery.RecoverMetadata(suite.SnapshotRoot))
                Console.WriteLine(name);
            return Task.CompletedTask;
        });
}
