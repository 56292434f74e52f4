using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using Containerd;

namespace Ctr.Commands;

internal static class LayerApplyCommand
{
    private static readonly Argument<string> File = new("FILE") { Description = "The layer: a tar archive, plain or compressed." };
    private static readonly Argument<string> Directory = new("DIR") { Description = "The tree it is applied to, made where it is missing. What the layer deletes is removed from it." };

    public static Command Create() => new Command("apply", "Applies a layer to a directory.") { GlobalOptions.Quiet, File, Directory }
        .Does(async (suite, parse, cancellationToken) =>
        {
            await using FileStream content = System.IO.File.OpenRead(parse.GetRequiredValue(File));
            // What the bytes are compressed with, they tell themselves.
            var layer = new Descriptor { MediaType = MediaTypes.OciLayer, Digest = await DigestOfAsync(content, cancellationToken), Size = content.Length };
            string directory = System.IO.Directory.CreateDirectory(Path.GetFullPath(parse.GetRequiredValue(Directory))).FullName;
            LayerApplyResult applied = await ByteDisplay.ShowAsync(
                "applying", layer.Size, progress => suite.Applier.ApplyAsync(layer, content, [Mount.Bind(directory)], progress, cancellationToken));
            parse.Print(["DIFF ID", "BYTES", "ENTRIES"], [[applied.DiffId.ToString(), Number(applied.Size), Number(applied.Entries)]]);
        });

    private static async Task<Digest> DigestOfAsync(FileStream content, CancellationToken cancellationToken)
    {
        var digest = Digest.FromHash(HashAlgorithmName.SHA256, await SHA256.HashDataAsync(content, cancellationToken));
        content.Position = 0;
        return digest;
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
