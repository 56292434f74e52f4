using System.CommandLine;
using System.Globalization;
using Containerd;

namespace Ctr.Commands;

internal static class CopyCommand
{
    private static readonly Option<string[]> Include = new("--include") { Description = "Copies only what matches, as in a .dockerignore; may be repeated.", HelpName = "PATTERN" };
    private static readonly Option<string[]> Exclude = new("--exclude") { Description = "Leaves out what matches, also of what is included; may be repeated.", HelpName = "PATTERN" };
    private static readonly Option<bool> Mirror = new("--mirror") { Description = "Removes what DST has and SRC has not. Without it the trees are merged." };
    private static readonly Argument<string> Source = new("SRC") { Description = "The directory whose content is copied." };
    private static readonly Argument<string> Destination = new("DST") { Description = "The directory it is copied into, made where it is missing." };

    public static Command Create() => new Command("copy", "Copies a tree with everything that makes it the same tree.") { Include, Exclude, Mirror, Source, Destination }
        .Does(async (suite, parse, cancellationToken) =>
        {
            var options = new FileTreeCopyOptions { Include = parse.GetValue(Include) ?? [], Exclude = parse.GetValue(Exclude) ?? [], Mirror = parse.GetValue(Mirror) };
            FileTreeCopyProgress copied = await ByteDisplay.ShowCopyAsync(
                progress => suite.Copier.CopyAsync(parse.GetRequiredValue(Source), parse.GetRequiredValue(Destination), options, progress, cancellationToken));
            parse.Print(["ENTRIES", "BYTES"], [[copied.Entries.ToString(CultureInfo.InvariantCulture), copied.Bytes.ToString(CultureInfo.InvariantCulture)]]);
        });
}
