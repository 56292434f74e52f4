using System.CommandLine;
using Containerd;
using Containerd.Images;

namespace Ctr.Commands;

internal static class PullCommand
{
    public static readonly Option<bool> PlainHttp = new("--plain-http") { Description = "Speaks to the registry without TLS." };

    private static readonly Argument<string> Reference = new("REF") { Description = "The image, as docker.io/library/alpine:3.22 or alpine." };
    private static readonly Option<string?> Platform = new("--platform") { Description = "What it is to run on, as linux/arm64. Default: this machine." };
    private static readonly Option<bool> NoUnpack = new("--no-unpack") { Description = "Leaves the layers packed." };

    public static Command Create() => new Command("pull", "Pulls an image from a registry, and unpacks it meanwhile.") { Reference, PlainHttp, Platform, NoUnpack }
        .Does(async (suite, parse, cancellationToken) =>
        {
            ImageReference reference = ImageReference.ParseFamiliar(parse.GetRequiredValue(Reference));
            if (parse.GetValue(PlainHttp))
                suite.UsePlainHttp(reference.Registry);
            var options = new ImagePullOptions
            {
                Platform = parse.GetValue(Platform) is { } platform ? Containerd.Platform.Parse(platform) : Containerd.Platform.Current,
                Unpack = parse.GetValue(NoUnpack) ? null : new ImageUnpack(suite.Snapshotter, suite.Applier),
            };
            Image image = await TransferDisplay.ShowAsync(progress => suite.Images.PullAsync(reference, options, progress, cancellationToken));
            Console.WriteLine($"{image.Name} {image.Target.Digest}");
        });
}
