using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Containerd;

namespace Ctr.Commands;

internal static class SnapshotListCommand
{
    private static readonly Option<bool> ShowsLabels = new("--labels") { Description = "Shows the labels too." };
    private static readonly Option<bool> Json = new("--json") { Description = "Prints JSON." };

    public static Command Create() => Lists(new Command("ls", "Lists snapshots."));

    /// <summary>Makes a command list snapshots.</summary>
    public static Command Lists(Command command)
    {
        command.Add(GlobalOptions.Quiet);
        command.Add(ShowsLabels);
        command.Add(Json);
        return command.Does(async (suite, parse, cancellationToken) =>
        {
            List<SnapshotInfo> snapshots = [];
            await foreach (SnapshotInfo snapshot in suite.Snapshotter.ListAsync(cancellationToken: cancellationToken))
                snapshots.Add(snapshot);
            if (parse.GetValue(Json))
                CommandExtensions.PrintJson(new JsonArray([.. snapshots.Select(ToJson)]));
            else
                PrintTable(parse, snapshots);
        });
    }

    private static void PrintTable(ParseResult parse, IEnumerable<SnapshotInfo> snapshots)
    {
        bool labels = parse.GetValue(ShowsLabels);
        parse.Print(
            ["KEY", "PARENT", "KIND", "CREATED", .. labels ? ["LABELS"] : (string[])[]],
            snapshots.Select(snapshot => (string[])
            [
                snapshot.Name, snapshot.Parent ?? "", snapshot.Kind.ToString(), snapshot.CreatedAt.ToString("u", CultureInfo.InvariantCulture),
                .. labels ? [string.Join(',', LabelArguments.Format(snapshot.Labels))] : (string[])[],
            ]));
    }

    private static JsonObject ToJson(SnapshotInfo snapshot) => new()
    {
        ["key"] = snapshot.Name,
        ["parent"] = snapshot.Parent,
        ["kind"] = snapshot.Kind.ToString(),
        ["createdAt"] = snapshot.CreatedAt,
        ["updatedAt"] = snapshot.UpdatedAt,
        ["labels"] = new JsonObject(snapshot.Labels.Select(label => KeyValuePair.Create(label.Key, (JsonNode?)label.Value))),
    };
}
