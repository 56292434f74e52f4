using System.Security.Cryptography;
using System.Text.Json;

namespace Containerd.Tests;

public sealed class DigestTests
{
    private const string Empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [Test]
    public void Parses_its_text_form()
    {
        Digest digest = Digest.Parse(Empty);
        Assert.That(digest.ToString(), Is.EqualTo(Empty));
        Assert.That(digest.Algorithm, Is.EqualTo("sha256"));
        Assert.That(digest.Hex, Has.Length.EqualTo(64));
        Assert.That(digest, Is.EqualTo(Digest.Sha256([])));
    }

    [TestCase("")]
    [TestCase("sha256")]
    [TestCase("sha256:")]
    [TestCase("sha256:e3b0")]
    [TestCase("SHA256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [TestCase("sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")]
    [TestCase("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85g")]
    [TestCase("sha256:../../../../../../../../../../../../../../../../../../../etc/pass")]
    [TestCase("md5:d41d8cd98f00b204e9800998ecf8427e")]
    [TestCase("sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [TestCase("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n")]
    public void Refuses_what_is_no_digest(string text)
    {
        Assert.That(Digest.TryParse(text, out _), Is.False);
        Assert.That(() => Digest.Parse(text), Throws.TypeOf<FormatException>());
    }

    [Test]
    public void A_message_about_bad_text_is_bounded_and_on_one_line()
    {
        FormatException problem = Assert.Throws<FormatException>(() => Digest.Parse(new string('x', 100_000) + "\nforged"))!;
        Assert.That(problem.Message, Has.Length.LessThan(500).And.Not.Contains("\n"));
    }

    [TestCase("SHA256")]
    [TestCase("SHA384")]
    [TestCase("SHA512")]
    public void Matches_the_content_it_was_made_of(string algorithm)
    {
        var name = new HashAlgorithmName(algorithm);
        byte[] content = "content"u8.ToArray();
        Digest digest = Digest.FromHash(name, CryptographicOperations.HashData(name, content));
        Assert.That(digest.Matches(content));
        Assert.That(digest.Matches("other"u8), Is.False);
        using IncrementalHash hash = digest.CreateHash();
        hash.AppendData(content);
        Assert.That(Digest.FromHash(digest.HashName, hash.GetHashAndReset()), Is.EqualTo(digest));
    }

    [Test]
    public void The_empty_digest_is_equal_only_to_itself()
    {
        Assert.That(default(Digest).IsEmpty);
        Assert.That(default(Digest).ToString(), Is.Empty);
        Assert.That(default(Digest), Is.Not.EqualTo(Digest.Sha256([])));
        Assert.That(() => default(Digest).Matches([]), Throws.InvalidOperationException);
    }

    [Test]
    public void A_hash_of_the_wrong_length_is_refused() =>
        Assert.That(() => Digest.FromHash(HashAlgorithmName.SHA256, new byte[31]), Throws.ArgumentException);

    [Test]
    public void Is_a_string_in_json_also_as_a_key()
    {
        var map = new Dictionary<Digest, Digest> { [Digest.Parse(Empty)] = Digest.Parse(Empty) };
        string json = JsonSerializer.Serialize(map);
        Assert.That(json, Is.EqualTo($$"""{"{{Empty}}":"{{Empty}}"}"""));
        Assert.That(JsonSerializer.Deserialize<Dictionary<Digest, Digest>>(json), Is.EqualTo(map));
        Assert.That(() => JsonSerializer.Deserialize<Digest>("\"sha256:1\""), Throws.TypeOf<JsonException>());
        Assert.That(() => JsonSerializer.Deserialize<Digest>("null"), Throws.TypeOf<JsonException>());
    }
}
