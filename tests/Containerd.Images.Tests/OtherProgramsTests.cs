using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Containerd.Conformance;

namespace Containerd.Images.Tests;

/// <summary>A real registry, skopeo and umoci: they read what is written here, and the other way round.</summary>
[RequiresProgram("skopeo"), RequiresProgram("docker-registry")]
public sealed class OtherProgramsTests
{
    private TemporaryDirectory _directory = null!;
    private Process _server = null!;
    private string _host = "";
    private ContentStore _content = null!;
    private ImageStore _names = null!;
    private HttpRegistry _registry = null!;
    private ImageService _images = null!;

    [SetUp]
    public async Task SetUpAsync()
    {
        _directory = new TemporaryDirectory();
        using (var probe = new TcpListener(IPAddress.Loopback, 0))
        {
            probe.Start();
            _host = $"127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}";
        }
        File.WriteAllText(_directory["config.yml"], $"version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {_directory["registry"]}\nhttp:\n  addr: {_host}\n");
        _server = Process.Start(new ProcessStartInfo("docker-registry", ["serve", _directory["config.yml"]]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        _server.OutputDataReceived += static (_, _) => { };
        _server.ErrorDataReceived += static (_, _) => { };
        _server.BeginOutputReadLine();
        _server.BeginErrorReadLine();
        using var http = new HttpClient();
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                await http.GetAsync(new Uri($"http://{_host}/v2/"));
                break;
            }
            catch (HttpRequestException) when (attempt < 200)
            {
                await Task.Delay(50);
            }
        }
        _content = new ContentStore(_directory["root"]);
        _names = new ImageStore(_directory["root"]);
        _registry = new HttpRegistry(new HttpRegistryOptions { PlainHttpHosts = { _host } });
        _images = new ImageService(_content, _names, _registry);
    }

    [TearDown]
    public async Task TearDownAsync()
    {
        _images?.Dispose();
        _registry?.Dispose();
        _names?.Dispose();
        _content?.Dispose();
        if (_server is not null)
        {
            _server.Kill();
            await _server.WaitForExitAsync();
            _server.Dispose();
        }
        _directory.Dispose();
    }

    private TestImage Push(TestImage image)
    {
        image.WriteLayout(_directory["layout"], "made");
        Tool.Run("skopeo", "copy", "--all", "--preserve-digests", "--dest-tls-verify=false", $"oci:{_directory["layout"]}:made", $"docker://{_host}/team/app:1");
        return image;
    }

    [Test]
    public async Task AnImageIsPulledByTagAndByDigestAndReadByOthers()
    {
        TestImage made = Push(TestImage.Create());
        Image byTag = await _images.PullAsync($"{_host}/team/app:1");
        Image byDigest = await _images.PullAsync($"{_host}/team/app@{made.Target.Digest}");
        string inspected = Tool.Run("skopeo", "inspect", "--raw", $"oci:{_directory["root"]}:{byTag.Name}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(byTag.Manifest.Digest, Is.EqualTo(made.Target.Digest));
            Assert.That(byDigest.ChainId, Is.EqualTo(byTag.ChainId));
            Assert.That(Encoding.UTF8.GetBytes(inspected), Is.EqualTo(made.Blobs[made.Target.Digest]));
        }
        Tool.Run("skopeo", "copy", $"oci:{_directory["root"]}:{byTag.Name}", $"dir:{_directory["copied"]}");
        Assert.That(Directory.GetFiles(_directory["copied"]), Has.Length.EqualTo(6), "three layers, configuration, manifest, version");
    }

    [Test, RequiresProgram("umoci"), RequiresRoot]
    public async Task UmociListsAndUnpacksTheRoot()
    {
        Push(TestImage.Create());
        await _images.PullAsync($"{_host}/team/app:1");
        Assert.That(Tool.Run("umoci", "ls", "--layout", _directory["root"]).Trim(), Is.EqualTo($"{_host}/team/app:1"));
        await _names.CreateAsync(new ImageRecord { Name = "local", Target = (await _images.GetAsync($"{_host}/team/app:1")).Target });
        Tool.Run("umoci", "raw", "unpack", "--image", $"{_directory["root"]}:local", _directory["tree"]);
        Assert.That(File.Exists(Path.Join(_directory["tree"], "file-amd64-2")));
    }

    [Test]
    public async Task OneOfSeveralPlatformsIsPulled()
    {
        TestImage made = Push(TestImage.CreateIndex("amd64", "arm64"));
        Image image = await _images.PullAsync($"{_host}/team/app:1", new ImagePullOptions { Platform = Platform.Parse("linux/arm64") });
        Assert.That(image.Target.Digest, Is.EqualTo(made.Target.Digest));
        Assert.That(image.Platform, Is.EqualTo(Platform.Parse("linux/arm64")));
    }

    [Test]
    public async Task AbsentImagesAreNotFound()
    {
        Push(TestImage.Create());
        foreach (string absent in new[] { $"{_host}/team/app:2", $"{_host}/other/app:1", $"{_host}/team/app@{Digest.Sha256("absent"u8)}" })
            Assert.That(() => _images.PullAsync(absent), Throws.TypeOf<RegistryException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(ErrorKind.NotFound));
        Assert.That(await _images.ListAsync().CountAsync(), Is.Zero);
    }

    [TestCase("oci-archive")]
    [TestCase("docker-archive")]
    public async Task AnArchiveOfSkopeoIsImported(string form)
    {
        TestImage made = TestImage.Create();
        made.WriteLayout(_directory["layout"], "made");
        Tool.Run("skopeo", "copy", $"oci:{_directory["layout"]}:made", $"{form}:{_directory["image.tar"]}:registry.example/team/app:3");
        await using FileStream archive = File.OpenRead(_directory["image.tar"]);
        ImageRecord record = (await _images.ImportAsync(archive)).Single();
        Image image = await _images.GetAsync("registry.example/team/app:3", Platform.Parse("linux/amd64"));
        Assert.That(record.Name, Is.EqualTo("registry.example/team/app:3"));
        Assert.That(image.DiffIds, Is.EqualTo(made.DiffIds));
    }

    [Test]
    public async Task WhatIsPushedCanBePulledByOthers()
    {
        TestImage made = TestImage.Create();
        ImageReference reference = ImageReference.Parse($"{_host}/pushed/app:1");
        var sent = new List<long>();
        Task PushAsync(Descriptor descriptor) => _registry.PushAsync(
            reference, descriptor, _ => Task.FromResult<Stream>(new MemoryStream(made.Blobs[descriptor.Digest])), new Reporter(sent));
        Assert.That(() => PushAsync(made.Target), Throws.TypeOf<RegistryException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(ErrorKind.FailedPrecondition));
        foreach (Descriptor blob in made.Layers.Prepend(ImageManifest.Parse(made.Blobs[made.Target.Digest], MediaTypes.OciManifest).Config))
            await PushAsync(blob);
        await PushAsync(made.Target);
        Assert.That(Tool.Run("skopeo", "inspect", "--raw", "--tls-verify=false", $"docker://{reference}"), Is.EqualTo(Encoding.UTF8.GetString(made.Blobs[made.Target.Digest])));
        sent.Clear();
        await PushAsync(made.Layers[0]);
        await PushAsync(made.Target);
        Assert.That(sent, Is.Empty, "what is there is not sent again");
    }

    private sealed class Reporter(List<long> reports) : IProgress<long>
    {
        public void Report(long value) => reports.Add(value);
    }
}
