using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Containerd.Images.Tests;

/// <summary>What the README shows compiles, and composes without a root on disk.</summary>
public sealed class ReadmeTests
{
    [Test]
    public void TheServicesCompose()
    {
        using var directory = new TemporaryDirectory();
        using ServiceProvider provider = new ServiceCollection().AddContainerdImages(o => o.Root = directory["root"]).BuildServiceProvider();
        Assert.That(provider.GetRequiredService<ImageService>(), Is.Not.Null);
        Assert.That(provider.GetRequiredService<IContentStore>(), Is.TypeOf<ContentStore>());
        Assert.That(Directory.Exists(directory["root"]), Is.False);
    }

    [Test]
    public void ARootIsRequired()
    {
        using ServiceProvider provider = new ServiceCollection().AddContainerdImages().BuildServiceProvider();
        Assert.That(() => provider.GetRequiredService<IContentStore>(), Throws.TypeOf<OptionsValidationException>());
    }

    internal static async Task ExampleAsync()
    {
        using var content = new ContentStore("/var/lib/app/images");
        using var names = new ImageStore("/var/lib/app/images");
        using var registry = new HttpRegistry();
        using var images = new ImageService(content, names, registry);

        var progress = new Progress<TransferProgress>(report =>
            Console.WriteLine($"{report.Phase,-12} {report.Content?.Digest} {report.Bytes}/{report.Total}"));

        Image image = await images.PullAsync("docker.io/library/alpine:3.22", progress: progress);
        Console.WriteLine($"{image.Platform}, {image.Layers.Count} layers, chain {image.ChainId}");

        await using FileStream archive = File.OpenRead("image.tar");
        foreach (ImageRecord imported in await images.ImportAsync(archive))
            Console.WriteLine($"{imported.Name} is {imported.Target.Digest}");
    }
}
