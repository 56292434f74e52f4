using System.CommandLine;
using Containerd;
using Containerd.Images;

namespace Ctr.Commands;

internal static class ImportCommand
{
    private static readonly Argument<string> Source = new("SOURCE") { Description = "An OCI archive, a docker-save archive, or the directory of an OCI layout." };
    private static readonly Option<string?> Name = new("--name") { Description = "The name to give, for a source with one image." };
    private static readonly Option<bool> NoUnpack = new("--no-unpack") { Description = "Leaves the layers packed." };

    public static Command Create() => new Command("import", "Imports images from an archive or a directory, and unpacks them.") { Source, Name, NoUnpack }
        .Does(async (suite, parse, cancellationToken) =>
        {
            string source = parse.GetRequiredValue(Source);
            var options = new ImageImportOptions { Name = parse.GetValue(Name) is { } name ? ImageReference.ParseFamiliar(name).ToString() : null, ReplaceExisting = true };
            IReadOnlyList<ImageRecord> images = await TransferDisplay.ShowAsync(async progress =>
            {
                if (Directory.Exists(source))
                    return await suite.Images.ImportAsync(source, options, progress, cancellationToken);
                await using FileStream archive = File.OpenRead(source);
                return await suite.Images.ImportAsync(archive, options, progress, cancellationToken);
            });
            foreach (ImageRecord record in images)
            {
                if (!parse.GetValue(NoUnpack))
                {
                    Image image = await suite.Images.GetAsync(record.Name, cancellationToken: cancellationToken);
                    await TransferDisplay.ShowAsync(progress => suite.Images.UnpackAsync(image, suite.Snapshotter, suite.Applier, progress, cancellationToken));
                }
                Console.WriteLine($"{record.Name} {record.Target.Digest}");
            }
        });
}
