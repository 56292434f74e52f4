using System.Formats.Tar;
using System.IO.Compression;
using Containerd;
using Containerd.Execution;
using Containerd.Images;
using Containerd.Network;
using Containerd.Snapshots;

// One real thing of each package, in native code: SQLite, source-generated JSON, system calls, netlink.
string scratch = Directory.CreateTempSubdirectory("containerd-aot-").FullName;
try
{
    byte[] layer = MakeLayer();
    var descriptor = new Descriptor { MediaType = MediaTypes.OciLayerGzip, Digest = Digest.Sha256(layer), Size = layer.Length };

    using var content = new ContentStore(Path.Join(scratch, "images"));
    using var names = new ImageStore(Path.Join(scratch, "images"));
    await using (IContentWriter writer = await content.OpenWriterAsync("layer", descriptor))
    {
        await writer.WriteAsync(layer);
        await writer.CommitAsync();
    }
    await names.CreateAsync(new ImageRecord { Name = "localhost/smoke:1", Target = descriptor });
    Require((await content.GetAsync(descriptor.Digest)).Size == layer.Length, "the content store keeps what it was given");
    Require((await names.FindAsync("localhost/smoke:1"))!.Target == descriptor, "a descriptor survives the round trip through the image store");

    Spec spec = ContainerSpec.Default.WithArgs("/bin/true").Spec;
    Require(System.Text.Encoding.UTF8.GetString(spec.ToJson().AsSpan()).Contains("/bin/true", StringComparison.Ordinal), "the specification is written");

    await using var network = new RouteNetlinkClient();
    Require((await network.Links.ListAsync()).Any(link => link.Name == "lo"), "the loopback is listed");

    if (Environment.IsPrivilegedProcess)
    {
        await using var snapshotter = new OverlaySnapshotter(Path.Join(scratch, "snapshots"));
        IReadOnlyList<Mount> mounts = await snapshotter.PrepareAsync("active");
        await using (Stream stream = await content.OpenReadAsync(descriptor.Digest))
            await new TarLayerApplier().ApplyAsync(descriptor, stream, mounts);
        await snapshotter.CommitAsync("committed", "active");
        using IDetachedMount tree = new LinuxMounter().MountDetached(await snapshotter.PrepareAsync("upper", "committed"));
        Require(File.ReadAllText(Path.Join(tree.Path, "hello")) == "world", "a layer becomes a snapshot that can be mounted");
    }
    Console.WriteLine("ok");
}
finally
{
    Directory.Delete(scratch, recursive: true);
}

static byte[] MakeLayer()
{
    var compressed = new MemoryStream();
    using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest))
    using (var tar = new TarWriter(gzip))
        tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "hello") { DataStream = new MemoryStream("world"u8.ToArray()) });
    return compressed.ToArray();
}

static void Require(bool holds, string what)
{
    if (!holds)
        throw new InvalidOperationException($"It does not hold that {what}.");
}
