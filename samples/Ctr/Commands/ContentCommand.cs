using System.CommandLine;
using System.Globalization;
using Containerd;

namespace Ctr.Commands;

internal static class ContentCommand
{
    private static readonly Argument<string> Digest = new("DIGEST") { Description = "The content's digest." };

    public static Command Create()
    {
        Command get = new Command("get", "Writes content to standard output.") { Digest }
            .Does(async (suite, parse, cancellationToken) =>
            {
                await using Stream content = await suite.Content.OpenReadAsync(Containerd.Digest.Parse(parse.GetRequiredValue(Digest)), cancellationToken);
                await using Stream output = Console.OpenStandardOutput();
                await content.CopyToAsync(output, cancellationToken);
            });
        Command remove = new Command("rm", "Deletes content, whatever refers to it.") { Digest }
            .Does((suite, parse, cancellationToken) => suite.Content.DeleteAsync(Containerd.Digest.Parse(parse.GetRequiredValue(Digest)), cancellationToken));
        return new Command("content", "Lists the blobs of the content store.") { GlobalOptions.Quiet, get, remove }
            .Does(async (suite, parse, cancellationToken) =>
            {
                var rows = new List<string[]>();
                await foreach (ContentInfo blob in suite.Content.ListAsync(cancellationToken))
                    rows.Add([blob.Digest.ToString(), blob.Size.ToString(CultureInfo.InvariantCulture), blob.CreatedAt.ToString("u", CultureInfo.InvariantCulture)]);
                parse.Print(["DIGEST", "BYTES", "CREATED"], rows);
            });
    }
}
