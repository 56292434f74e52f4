using System.CommandLine;
using Containerd.Snapshots;

namespace Ctr.Commands;

internal static class SnapshotProbeCommand
{
    public static Command Create() => new Command("probe", "Tells which snapshotters work in the store's directory, and why the others do not.")
        .Does((suite, parse, _) =>
        {
            parse.Print(["SNAPSHOTTER", "WORKS", "REASON"], SnapshotterChoice.Probe(suite.SnapshotRoot).Select(one => new[] { one.Name, one.IsSupported ? "yes" : "no", one.Reason ?? "" }));
            return Task.CompletedTask;
        });
}
