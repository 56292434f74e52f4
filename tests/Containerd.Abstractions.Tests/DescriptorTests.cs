using System.Text.Json;

namespace Containerd.Tests;

public sealed class DescriptorTests
{
    private const string Digest1 = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [Test]
    public void Survives_the_round_trip_with_members_nobody_knows()
    {
        const string json = $$$"""
            {"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{{{Digest1}}}","size":7,"urls":["https://example.com/x"],
            "annotations":{"a":"b"},"data":"aGVsbG8=","platform":{"os":"linux","architecture":"arm","variant":"v7","com.example":1},"artifactType":"t","com.example.new":{"deep":[1,2]}}
            """;
        Descriptor descriptor = JsonSerializer.Deserialize<Descriptor>(json)!;
        Assert.That(descriptor.Platform, Is.EqualTo(Platform.Parse("linux/arm/v7")));
        Assert.That(descriptor.Data, Is.EqualTo("hello"u8.ToArray()));

        string again = JsonSerializer.Serialize(descriptor);
        Assert.That(JsonElement.DeepEquals(JsonElement.Parse(again), JsonElement.Parse(json)));
        Assert.That(JsonSerializer.Deserialize<Descriptor>(again), Is.EqualTo(descriptor));
    }

    [TestCase("""{"digest":"DIGEST","size":1}""")]
    [TestCase("""{"mediaType":"x","size":1}""")]
    [TestCase("""{"mediaType":"x","digest":"DIGEST"}""")]
    [TestCase("""{"mediaType":"x","digest":"sha256:..","size":1}""")]
    [TestCase("""{"mediaType":"x","digest":"DIGEST","size":"1"}""")]
    public void Incomplete_or_wrong_json_is_refused(string json) =>
        Assert.That(() => JsonSerializer.Deserialize<Descriptor>(json.Replace("DIGEST", Digest1, StringComparison.Ordinal)), Throws.TypeOf<JsonException>());

    [Test]
    public void A_negative_size_is_refused() =>
        Assert.That(
            () => JsonSerializer.Deserialize<Descriptor>($$"""{"mediaType":"x","digest":"{{Digest1}}","size":-1}"""),
            Throws.InstanceOf<ArgumentOutOfRangeException>().Or.InstanceOf<JsonException>());

    [Test]
    public void Equality_is_structural()
    {
        Descriptor one = Make("b"), same = Make("b"), other = Make("c");
        Assert.That(one, Is.EqualTo(same));
        Assert.That(one.GetHashCode(), Is.EqualTo(same.GetHashCode()));
        Assert.That(one, Is.Not.EqualTo(other));

        static Descriptor Make(string value) => new()
        {
            MediaType = "x",
            Digest = Digest.Parse(Digest1),
            Size = 1,
            Annotations = new Dictionary<string, string> { ["a"] = value },
        };
    }
}
