using System.CommandLine;
using System.Text.Json.Nodes;
using Containerd;

namespace Ctr;

/// <summary>Shows mounts to a person or a shell as mount(8) commands, to a program as JSON.</summary>
internal static class MountDisplay
{
    public static readonly Option<bool> Json = new("--json") { Description = "Prints JSON." };

    public static void Print(ParseResult parse, IReadOnlyList<Mount> mounts)
    {
        if (parse.GetValue(Json))
        {
            CommandExtensions.PrintJson(new JsonArray([.. mounts.Select(ToJson)]));
            return;
        }
        foreach (Mount mount in mounts)
            Console.WriteLine(ToCommand(mount));
    }

    /// <summary>A command for a shell, in which <c>$TARGET</c> is the directory that the mounts go onto.</summary>
    private static string ToCommand(Mount mount)
    {
        string options = mount.Options.IsEmpty ? "" : $" -o {Quote(string.Join(',', mount.Options))}";
        string target = mount.Target.Trim('/') is { Length: > 0 } inside ? $"\"$TARGET\"/{Quote(inside)}" : "\"$TARGET\"";
        return $"mount -t {Quote(mount.Type)}{options} {Quote(mount.Source)} {target}";
    }

    private static JsonObject ToJson(Mount mount) => new()
    {
        ["type"] = mount.Type,
        ["source"] = mount.Source,
        ["target"] = mount.Target,
        ["options"] = new JsonArray([.. mount.Options.Select(option => JsonValue.Create(option))]),
    };

    private static string Quote(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "/-_.,:=+@%".Contains(c, StringComparison.Ordinal))
            ? word
            : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
