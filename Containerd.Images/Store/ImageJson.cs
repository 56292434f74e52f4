using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Containerd.Images;

/// <summary>All JSON of the package, strict: a document that two readers could understand in two ways is refused (CVE-2021-41190).</summary>
[JsonSourceGenerationOptions(AllowDuplicateProperties = false, MaxDepth = 32)]
[JsonSerializable(typeof(ImageManifest))]
[JsonSerializable(typeof(ImageIndex))]
[JsonSerializable(typeof(ImageConfiguration))]
[JsonSerializable(typeof(Descriptor))]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(SortedDictionary<string, string>))]
[JsonSerializable(typeof(IngestRecord))]
[JsonSerializable(typeof(ManifestRule.SelfDescription))]
[JsonSerializable(typeof(TokenReply))]
[JsonSerializable(typeof(RegistryErrors))]
[JsonSerializable(typeof(OciLayoutFile))]
[JsonSerializable(typeof(List<DockerArchiveImage>))]
internal sealed partial class ImageJson : JsonSerializerContext
{
    /// <summary>Reads a document that came from outside. Values that a type refuses, as a negative size, come out of generated code as they are thrown.</summary>
    public static T Parse<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> type, string what)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw new JsonException("it is null");
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw new ContainerdException(ErrorKind.DataCorrupted, $"{what} is not valid: {Excerpt.Of(e.Message)}", e) { Subject = what };
        }
    }
}
