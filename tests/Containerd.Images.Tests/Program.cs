using System.Runtime.Versioning;
using Containerd.Snapshots;

[assembly: SupportedOSPlatform("linux")]

namespace Containerd.Images.Tests;

/// <summary>
/// The process that tests of several processes start: <c>ingest ROOT</c> writes half and waits to be killed, <c>pull ROOT REFERENCE</c> pulls,
/// <c>unpack ROOT NAME SNAPSHOTS</c> unpacks, <c>unpack-stuck</c> waits in each layer to be killed.
/// </summary>
internal static class Program
{
    public static byte[] IngestContent { get; } = [.. Enumerable.Range(0, 1_000_000).Select(i => (byte)(i * 31))];

    public static Descriptor IngestDescriptor { get; } = new() { MediaType = "x/y", Digest = Digest.Sha256(IngestContent), Size = IngestContent.Length };

    public static async Task<int> Main(string[] arguments)
    {
        using var content = new ContentStore(arguments[1]);
        if (arguments[0] == "ingest")
        {
            await using IContentWriter writer = await content.OpenWriterAsync("killed", IngestDescriptor);
            await writer.WriteAsync(IngestContent.AsMemory(0, 400_000));
            Console.WriteLine("ready");
            await Task.Delay(Timeout.Infinite);
        }
        using var names = new ImageStore(arguments[1]);
        using var registry = new HttpRegistry(new HttpRegistryOptions { PlainHttpOnLoopback = true });
        using var images = new ImageService(content, names, registry, new ImageServiceOptions { MaxConcurrentExtractions = 4 });
        if (arguments[0] == "pull")
        {
            Image image = await images.PullAsync(arguments[2]);
            Console.WriteLine(image.Manifest.Digest);
            return 0;
        }
        await using LocalSnapshotter snapshots = UnpackBed.OpenSnapshots("overlay", arguments[3]);
        var applier = new RecordingApplier();
        if (arguments[0] == "unpack-stuck")
        {
            applier.Before = (_, token) =>
            {
                Console.WriteLine("extracting");
                return Task.Delay(Timeout.Infinite, token);
            };
        }
        Console.WriteLine(await images.UnpackAsync(await images.GetAsync(arguments[2]), snapshots, applier));
        return 0;
    }
}
