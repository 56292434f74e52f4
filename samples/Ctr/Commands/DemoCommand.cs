using System.CommandLine;
using Containerd;
using Ctr.Demo;

namespace Ctr.Commands;

internal static class DemoCommand
{
    private static readonly Option<string?> Image = new("--image") { Description = "An image to pull instead of the one that is made from this machine's busybox." };

    public static Command Create() => new Command("demo", "Shows the whole way: image, snapshots, network, container, and that nothing is left.") { Image, PullCommand.PlainHttp }
        .Does(async (_, parse, cancellationToken) =>
        {
            ImageReference? image = parse.GetValue(Image) is { } text ? ImageReference.ParseFamiliar(text) : null;
            // Roots of its own, since it removes everything in the end.
            return await new Demonstration(() => Suite.Open(parse, "-demo")).RunAsync(image, parse.GetValue(PullCommand.PlainHttp), cancellationToken);
        });
}
