namespace Containerd.Tests;

public sealed class ImageReferenceTests
{
    private const string Sha = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [TestCase("docker.io/library/alpine:3.22", "docker.io", "library/alpine", "3.22", false)]
    [TestCase("localhost:5000/a", "localhost:5000", "a", null, false)]
    [TestCase("localhost/a/b__c/d-e.f:T_1", "localhost", "a/b__c/d-e.f", "T_1", false)]
    [TestCase("[::1]:5000/a:t", "[::1]:5000", "a", "t", false)]
    [TestCase("ghcr.io/o/n@" + Sha, "ghcr.io", "o/n", null, true)]
    [TestCase("ghcr.io/o/n:t@" + Sha, "ghcr.io", "o/n", "t", true)]
    public void Parses_the_full_form(string text, string registry, string path, string? tag, bool hasDigest)
    {
        ImageReference reference = ImageReference.Parse(text);
        Assert.That(reference.Registry, Is.EqualTo(registry));
        Assert.That(reference.Path, Is.EqualTo(path));
        Assert.That(reference.Tag, Is.EqualTo(tag));
        Assert.That(reference.Digest, hasDigest ? Is.EqualTo(Digest.Parse(Sha)) : Is.Null);
        Assert.That(reference.ToString(), Is.EqualTo(text));
        Assert.That(ImageReference.Parse(text), Is.EqualTo(reference));
    }

    [TestCase("")]
    [TestCase("alpine")]
    [TestCase("library/alpine:3")]
    [TestCase("docker.io/")]
    [TestCase("docker.io/A")]
    [TestCase("docker.io/a//b")]
    [TestCase("docker.io/../b")]
    [TestCase("docker.io/a:")]
    [TestCase("docker.io/a:b:c")]
    [TestCase("docker.io/a:-x")]
    [TestCase("docker.io/a@sha256:1")]
    [TestCase("docker.io/a@" + Sha + "@" + Sha)]
    [TestCase("docker.io/a b")]
    [TestCase("docker.io/a:t\n")]
    [TestCase("https://docker.io/a")]
    [TestCase("user@docker.io/a")]
    [TestCase("-x.io/a")]
    [TestCase("x.io:123456/a")]
    public void Refuses_what_is_no_full_reference(string text)
    {
        Assert.That(ImageReference.TryParse(text, out _), Is.False);
        Assert.That(() => ImageReference.Parse(text), Throws.TypeOf<FormatException>());
    }

    [Test]
    public void Length_is_bounded()
    {
        string path = string.Join('/', Enumerable.Repeat(new string('a', 61), 4));
        Assert.That(ImageReference.TryParse($"x.io/{path}", out _));
        Assert.That(ImageReference.TryParse($"x.io/{path}aaaaaaa", out _), Is.False);
        Assert.That(ImageReference.TryParse($"x.io/a:{new string('t', 128)}", out _));
        Assert.That(ImageReference.TryParse($"x.io/a:{new string('t', 129)}", out _), Is.False);
    }

    [TestCase("alpine", "docker.io/library/alpine:latest")]
    [TestCase("alpine:3", "docker.io/library/alpine:3")]
    [TestCase("alpine@" + Sha, "docker.io/library/alpine@" + Sha)]
    [TestCase("owner/name", "docker.io/owner/name:latest")]
    [TestCase("docker.io/alpine", "docker.io/library/alpine:latest")]
    [TestCase("index.docker.io/alpine", "docker.io/library/alpine:latest")]
    [TestCase("localhost/x", "localhost/x:latest")]
    [TestCase("localhost:5000/x:1", "localhost:5000/x:1")]
    [TestCase("ghcr.io/o/n", "ghcr.io/o/n:latest")]
    public void Understands_what_a_person_types(string text, string full) =>
        Assert.That(ImageReference.ParseFamiliar(text).ToString(), Is.EqualTo(full));

    [Test]
    public void Hostile_text_is_refused_at_once()
    {
        string text = "x.io/" + string.Concat(Enumerable.Repeat("a-", 50_000));
        Assert.That(ImageReference.TryParse(text, out _), Is.False);
    }
}
