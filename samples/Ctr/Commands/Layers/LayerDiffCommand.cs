using System.CommandLine;
using System.Globalization;
using Containerd;

namespace Ctr.Commands;

internal static class LayerDiffCommand
{
    private const string Tree = "A directory, by a path with a slash, or else a snapshot";

    private static readonly Argument<string> Lower = new("LOWER") { Description = $"The tree before. {Tree}; '-' for none." };
    private static readonly Argument<string> Upper = new("UPPER") { Description = $"The tree after. {Tree}." };
    private static readonly Argument<string> File = new("FILE") { Description = "The layer that makes UPPER out of LOWER. It is there when it is whole." };

    private static readonly Option<string> MediaType = new("--media-type")
    {
        Description = "What the layer is, which decides its compression.",
        DefaultValueFactory = _ => MediaTypes.OciLayerGzip,
        HelpName = "TYPE",
    };

    private static readonly Option<int?> Level = new("--level") { Description = "How hard to compress, in the scale of the compression. Default: the compression's own." };

    private static readonly Option<string?> SourceDate = new("--source-date")
    {
        Description = "Later times are written as this: seconds since 1970 (SOURCE_DATE_EPOCH), or a date.",
        HelpName = "DATE",
    };

    public static Command Create() => new Command("diff", "Writes the difference between two trees as a layer.") { GlobalOptions.Quiet, MediaType, Level, SourceDate, Lower, Upper, File }
        .Does(async (suite, parse, cancellationToken) =>
        {
            var options = new LayerDiffOptions
            {
                MediaType = parse.GetRequiredValue(MediaType),
                CompressionLevel = parse.GetValue(Level),
                SourceDate = parse.GetValue(SourceDate) is { } date ? ParseDate(date) : null,
            };
            string file = Path.GetFullPath(parse.GetRequiredValue(File));
            await using LayerTree lower = await LayerTree.OpenAsync(() => suite.Snapshotter, parse.GetRequiredValue(Lower), mayBeNothing: true, cancellationToken);
            await using LayerTree upper = await LayerTree.OpenAsync(() => suite.Snapshotter, parse.GetRequiredValue(Upper), mayBeNothing: false, cancellationToken);
            LayerDiffResult layer = await WriteAsync(suite.Differ, lower, upper, file, options, cancellationToken);
            parse.Print(
                ["DIGEST", "BYTES", "DIFF ID", "UNCOMPRESSED"],
                [[layer.Layer.Digest.ToString(), Number(layer.Layer.Size), layer.DiffId.ToString(), Number(layer.UncompressedSize)]]);
        });

    private static async Task<LayerDiffResult> WriteAsync(
        ILayerDiffer differ, LayerTree lower, LayerTree upper, string file, LayerDiffOptions options, CancellationToken cancellationToken)
    {
        string unfinished = $"{file}.{Guid.NewGuid():n}";
        try
        {
            LayerDiffResult layer;
            await using (var destination = new FileStream(unfinished, FileMode.CreateNew, FileAccess.Write))
            {
                layer = await ByteDisplay.ShowAsync(
                    "writing", null, progress => differ.DiffAsync(lower.Mounts, upper.Mounts, destination, options, progress, cancellationToken));
            }
            System.IO.File.Move(unfinished, file, overwrite: true);
            return layer;
        }
        finally
        {
            System.IO.File.Delete(unfinished);
        }
    }

    private static DateTimeOffset ParseDate(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long seconds) ? DateTimeOffset.FromUnixTimeSeconds(seconds)
        : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset date) ? date
        : throw new FormatException($"'{text}' is neither a number of seconds since 1970 nor a date, as 2026-01-31.");

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
