using System.Text;

namespace Containerd.Images.Tests;

/// <summary>Manifests, configurations and chain IDs.</summary>
public sealed class ModelTests
{
    private const string Config = """{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}""";

    [TestCase("""{"schemaVersion":2,"config":CONFIG,"layers":[],"manifests":[]}""", ErrorKind.DataCorrupted)]
    [TestCase("""{"schemaVersion":2,"config":CONFIG,"layers":[],"MANIFESTS":[]}""", ErrorKind.DataCorrupted)]
    [TestCase("""{"schemaVersion":2,"config":CONFIG,"layers":[],"fsLayers":[]}""", ErrorKind.DataCorrupted)]
    [TestCase("""{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","config":CONFIG,"layers":[]}""", ErrorKind.DataCorrupted)]
    [TestCase("""{"schemaVersion":2,"config":CONFIG,"layers":[],"layers":[]}""", ErrorKind.DataCorrupted)]
    [TestCase("""{"schemaVersion":2,"config":CONFIG,"layers":[null]}""", ErrorKind.DataCorrupted)]
    [TestCase("""{"schemaVersion":2,"config":CONFIG,"layers":null}""", ErrorKind.DataCorrupted)]
    [TestCase("""{"schemaVersion":2,"layers":[]}""", ErrorKind.DataCorrupted)]
    [TestCase("""{"schemaVersion":1,"config":CONFIG,"layers":[]}""", ErrorKind.NotSupported)]
    [TestCase("""{"schemaVersion":2,"config":{"mediaType":"a","digest":"sha256:../../etc/passwd","size":2},"layers":[]}""", ErrorKind.DataCorrupted)]
    [TestCase("""{"schemaVersion":2,"config":{"mediaType":"a","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":-2},"layers":[]}""", ErrorKind.DataCorrupted)]
    [TestCase("null", ErrorKind.DataCorrupted)]
    [TestCase("", ErrorKind.DataCorrupted)]
    public void ManifestsAreReadStrictly(string json, ErrorKind kind) =>
        Assert.That(
            () => ImageManifest.Parse(Encoding.UTF8.GetBytes(json.Replace("CONFIG", Config, StringComparison.Ordinal)), MediaTypes.OciManifest),
            Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(kind));

    [Test]
    public void AnIndexWithLayersIsRefused() =>
        Assert.That(
            () => ImageIndex.Parse("""{"schemaVersion":2,"manifests":[],"layers":[]}"""u8, MediaTypes.OciIndex),
            Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(ErrorKind.DataCorrupted));

    [Test]
    public void UnknownMembersAreKept()
    {
        var manifest = ImageManifest.Parse(Encoding.UTF8.GetBytes($$$"""{"schemaVersion":2,"config":{{{Config}}},"layers":[],"org.example":{"a":1}}"""), MediaTypes.OciManifest);
        Assert.That(manifest.ExtensionData?["org.example"].GetRawText(), Is.EqualTo("""{"a":1}"""));
    }

    [TestCase("""{"rootfs":{"type":"layers"}}""", ErrorKind.DataCorrupted)]
    [TestCase("""{"os":"linux"}""", ErrorKind.DataCorrupted)]
    [TestCase("""{"rootfs":{"type":"magic","diff_ids":[]}}""", ErrorKind.NotSupported)]
    public void ConfigurationsAreReadStrictly(string json, ErrorKind kind) =>
        Assert.That(
            () => ImageConfiguration.Parse(Encoding.UTF8.GetBytes(json)),
            Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(kind));

    [Test]
    public void ChainIdsFollowTheSpecification()
    {
        Digest a = Digest.Sha256("a"u8), b = Digest.Sha256("b"u8), c = Digest.Sha256("c"u8);
        Digest ab = Digest.Sha256(Encoding.UTF8.GetBytes($"{a} {b}"));
        Assert.That(ChainId.ComputeAll([a, b, c]), Is.EqualTo(new[] { a, ab, Digest.Sha256(Encoding.UTF8.GetBytes($"{ab} {c}")) }));
        Assert.That(() => ChainId.Compute([]), Throws.ArgumentException);
    }
}
