using System.CommandLine;
using Containerd.Snapshots;

namespace Ctr.Commands;

internal static class SnapshotVerifyCommand
{
    /// <summary>The exit code where something is wrong with the store: the command itself has done its work.</summary>
    public const int DefectsFound = 2;

    public static Command Create() => new Command("verify", $"Compares the store with what is on disk. Exit code {DefectsFound} where something is wrong.")
        .Does(async (suite, parse, cancellationToken) =>
        {
            IReadOnlyList<SnapshotDefect> defects = await WorkDisplay.ShowAsync(progress => suite.Store.VerifyAsync(progress, cancellationToken));
            Print(parse, defects);
            return defects.Count == 0 ? 0 : DefectsFound;
        });

    public static void Print(ParseResult parse, IReadOnlyList<SnapshotDefect> defects)
    {
        if (defects.Count > 0)
            parse.Print(["DEFECT", "SNAPSHOT", "PATH", "DESCRIPTION"], defects.Select(defect => new[] { defect.Kind.ToString(), defect.Snapshot ?? "-", defect.Path, defect.Description }));
    }
}
