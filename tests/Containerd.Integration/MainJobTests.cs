using System.Net;
using Containerd.Conformance;
using Containerd.Execution;
using Containerd.Images;
using Containerd.Integration.Fixtures;
using Containerd.Network;
using Containerd.Snapshots;
using Microsoft.Extensions.DependencyInjection;

namespace Containerd.Integration;

/// <summary>The main job through public APIs, in one process: the same flow once with constructors and once with registrations.</summary>
[RequiresRoot]
[RequiresProgram("runc")]
[RequiresProgram("docker-registry")]
[RequiresProgram("debootstrap")]
[RequiresProgram("umoci")]
[RequiresProgram("skopeo")]
[RequiresFileSystem("overlay")]
public sealed class MainJobTests
{
    private const string Command = ". /etc/os-release; echo \"$ID\"; ip -o -4 addr show eth0; exit 7";

    private DebianImage _image = null!;
    private Machine _before = null!;
    private string _root = null!;
    private string _id = null!;

    [OneTimeSetUp]
    public async Task MakeImage() => _image = await DebianImage.GetAsync();

    [SetUp]
    public void SetUp()
    {
        _before = Machine.Look();
        _root = Directory.CreateTempSubdirectory("containerd-main-job-").FullName;
        _id = $"job-{Guid.NewGuid().ToString("n")[..8]}";
    }

    [TearDown]
    public void NothingIsLeft()
    {
        Directory.Delete(_root, recursive: true);
        Assert.That(Machine.Look().Since(_before), Is.Empty);
    }

    [Test]
    public async Task With_constructors([Values("test", "multi", "digest", "archive")] string source)
    {
        CancellationToken ct = TestContext.CurrentContext.CancellationToken;
        using var content = new ContentStore(Path.Join(_root, "images"));
        using var names = new ImageStore(Path.Join(_root, "images"));
        using var registry = new HttpRegistry(new HttpRegistryOptions { PlainHttpOnLoopback = true });
        using var images = new ImageService(content, names, registry);
        await using var snapshotter = new OverlaySnapshotter(Path.Join(_root, "snapshots"));
        var mounter = new LinuxMounter();
        var applier = new TarLayerApplier();
        var runtime = new OciRuntime(new OciRuntimeOptions { StateRoot = Path.Join(_root, "runc") });
        var containers = new ContainerHost(new ContainerHostOptions { StateRoot = Path.Join(_root, "state"), CgroupParent = $"/{_id}" }, runtime, mounter);
        await using var host = new RouteNetlinkClient();

        Image image = source == "archive" ? await ImportAsync(images, ct) : await images.PullAsync(Reference(source), cancellationToken: ct);
        string parent = await images.UnpackAsync(image, snapshotter, applier, cancellationToken: ct);
        IReadOnlyList<Mount> rootfs = await snapshotter.PrepareAsync(_id, parent, cancellationToken: ct);

        await using (NetworkNamespace network = await NetworkNamespace.CreateAsync(_id, ct))
        {
            await ConnectAsync(host, network, ct);
            await using Container job = await containers.CreateAsync(
                _id,
                rootfs,
                spec => spec.WithImageConfig(image.Config).WithArgs("sh", "-c", Command).WithNetworkNamespace(network.Path),
                new ContainerOptions { Stdio = ContainerStdio.OutputPipes },
                ct);
            AssertRan(await job.RunAndCaptureAsync(cancellationToken: ct));
        }

        await host.Links.DeleteAsync(_id, ct);
        await snapshotter.RemoveAsync(_id, ct);
        await images.RemoveAsync(image.Name, ct);
    }

    [Test]
    public async Task With_registrations()
    {
        CancellationToken ct = TestContext.CurrentContext.CancellationToken;
        await using ServiceProvider services = new ServiceCollection()
            .AddContainerdImages(o =>
            {
                o.Root = Path.Join(_root, "images");
                o.Registry.PlainHttpOnLoopback = true;
            })
            .AddContainerdSnapshots(o => o.Root = Path.Join(_root, "snapshots"))
            .AddContainerdExecution(o => (o.StateRoot, o.CgroupParent) = (Path.Join(_root, "state"), $"/{_id}"))
            .AddContainerdNetwork()
            .BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
        var images = services.GetRequiredService<ImageService>();
        var snapshotter = services.GetRequiredService<ISnapshotter>();
        var applier = services.GetRequiredService<ILayerApplier>();
        var containers = services.GetRequiredService<ContainerHost>();
        var host = services.GetRequiredService<RouteNetlinkClient>();

        Image image = await images.PullAsync(_image.ByTag, new ImagePullOptions { Unpack = new ImageUnpack(snapshotter, applier) }, cancellationToken: ct);
        IReadOnlyList<Mount> rootfs = await snapshotter.PrepareAsync(_id, image.ChainId, cancellationToken: ct);

        await using (NetworkNamespace network = await NetworkNamespace.CreateAsync(_id, ct))
        {
            await ConnectAsync(host, network, ct);
            await using Container job = await containers.CreateAsync(
                _id,
                rootfs,
                spec => spec.WithImageConfig(image.Config).WithArgs("sh", "-c", Command).WithNetworkNamespace(network.Path),
                new ContainerOptions { Stdio = ContainerStdio.OutputPipes },
                ct);
            AssertRan(await job.RunAndCaptureAsync(cancellationToken: ct));
        }

        await host.Links.DeleteAsync(_id, ct);
        await snapshotter.RemoveAsync(_id, ct);
        await images.RemoveAsync(image.Name, ct);
    }

    private async Task ConnectAsync(RouteNetlinkClient host, NetworkNamespace network, CancellationToken ct)
    {
        await host.Links.CreateVethAsync(new VethPair(_id) { PeerNamespace = network, PeerName = "eth0" }, ct);
        await host.Addresses.AddAsync(_id, InterfaceAddress.Parse("10.78.0.1/24"), cancellationToken: ct);
        await using var inside = new RouteNetlinkClient(network);
        await inside.Addresses.AddAsync("eth0", InterfaceAddress.Parse("10.78.0.2/24"), cancellationToken: ct);
        await inside.Links.SetUpAsync("eth0", ct);
        await inside.Routes.AddAsync(Route.DefaultVia(IPAddress.Parse("10.78.0.1")), ct);
    }

    private string Reference(string source) => source switch
    {
        "test" => _image.ByTag,
        "multi" => _image.MultiPlatform,
        _ => _image.ByDigest,
    };

    private async Task<Image> ImportAsync(ImageService images, CancellationToken ct)
    {
        await using FileStream archive = File.OpenRead(_image.Archive);
        IReadOnlyList<ImageRecord> imported = await images.ImportAsync(
            archive, new ImageImportOptions { Name = "localhost/debian:imported" }, cancellationToken: ct);
        return await images.GetAsync(imported.Single().Name, cancellationToken: ct);
    }

    private static void AssertRan(CapturedOutput ran)
    {
        Assert.That(ran.Exit.Code, Is.EqualTo(7), ran.ToString());
        Assert.That(ran.StandardOutput, Does.StartWith(File.ReadLines("/etc/os-release").First(line => line.StartsWith("ID=", StringComparison.Ordinal))[3..].Trim('"')));
        Assert.That(ran.StandardOutput, Does.Contain("10.78.0.2/24"));
    }
}
