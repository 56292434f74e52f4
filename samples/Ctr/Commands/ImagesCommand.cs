using System.CommandLine;
using System.Globalization;
using Containerd;

namespace Ctr.Commands;

internal static class ImagesCommand
{
    private static readonly Argument<string> Name = new("NAME") { Description = "The image's name." };

    public static Command Create()
    {
        Command remove = new Command("rm", "Removes a name. Content and snapshots stay.") { Name }
            .Does((suite, parse, cancellationToken) =>
                suite.Images.RemoveAsync(ImageReference.ParseFamiliar(parse.GetRequiredValue(Name)).ToString(), cancellationToken));
        return new Command("images", "Lists images.") { GlobalOptions.Quiet, remove }
            .Does(async (suite, parse, cancellationToken) =>
            {
                var rows = new List<string[]>();
                await foreach (ImageRecord image in suite.Images.ListAsync(cancellationToken))
                    rows.Add([image.Name, image.Target.Digest.ToString(), image.UpdatedAt.ToString("u", CultureInfo.InvariantCulture)]);
                parse.Print(["NAME", "DIGEST", "UPDATED"], rows);
            });
    }
}
