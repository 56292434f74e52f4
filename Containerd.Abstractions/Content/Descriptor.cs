using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd;

/// <summary>An OCI content descriptor: what some content is, how large, and the digest that names it.</summary>
/// <remarks>
/// <para>Immutable with structural equality over every member. Serialises to and from the JSON of the specification; members unknown to it are kept in
/// <see cref="ExtensionData"/> and written again. <see cref="JsonSerializer"/> reads it strictly: a missing media type, digest or size, a digest that is none,
/// or a negative size is a <see cref="JsonException"/>.</para>
/// <para>Source: image-spec v1.1 descriptor.md.</para>
/// </remarks>
public sealed record Descriptor
{
    /// <summary>What the content is.</summary>
    [JsonPropertyName("mediaType"), JsonRequired]
    public required string MediaType { get; init; }

    /// <summary>The digest of the content.</summary>
    [JsonPropertyName("digest"), JsonRequired]
    public required Digest Digest { get; init; }

    /// <summary>The content's size in bytes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    [JsonPropertyName("size"), JsonRequired]
    public required long Size
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    }

    /// <summary>Places outside the registry from which the content can be had; null for none.</summary>
    [JsonPropertyName("urls"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Urls { get; init; }

    /// <summary>Free-form facts about the content; null for none.</summary>
    [JsonPropertyName("annotations"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    /// <summary>The content itself, embedded. To be believed only where its length is <see cref="Size"/> and it matches <see cref="Digest"/>. Null for none.</summary>
    [JsonPropertyName("data"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public byte[]? Data { get; init; }

    /// <summary>For a manifest in an index: what it runs on; null where it does not say.</summary>
    [JsonPropertyName("platform"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Platform? Platform { get; init; }

    /// <summary>For a manifest: the type of artifact it describes; null for an ordinary image.</summary>
    [JsonPropertyName("artifactType"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ArtifactType { get; init; }

    /// <summary>JSON members that the specification does not know, kept for the round trip; null for none. Settable for source-generated serialisers only, which cannot initialise it.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? ExtensionData { get; set; }

    /// <inheritdoc/>
    public bool Equals(Descriptor? other) =>
        other is not null
        && Digest == other.Digest
        && Size == other.Size
        && MediaType == other.MediaType
        && ArtifactType == other.ArtifactType
        && Platform == other.Platform
        && (Urls ?? []).SequenceEqual(other.Urls ?? [])
        && (Data ?? []).AsSpan().SequenceEqual(other.Data ?? [])
        && SameMembers(Annotations, other.Annotations)
        && SameMembers(Texts(ExtensionData), Texts(other.ExtensionData));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Digest, Size, MediaType);

    /// <summary>Media type, digest and size, for messages and logs.</summary>
    public override string ToString() => $"{Excerpt.Of(MediaType)} {Digest} ({Size} bytes)";

    private static bool SameMembers(IReadOnlyDictionary<string, string>? one, IReadOnlyDictionary<string, string>? other)
    {
        one ??= FrozenDictionary<string, string>.Empty;
        other ??= FrozenDictionary<string, string>.Empty;
        return one.Count == other.Count && one.All(member => other.TryGetValue(member.Key, out string? value) && value == member.Value);
    }

    private static ImmutableDictionary<string, string> Texts(IDictionary<string, JsonElement>? members) =>
        members?.ToImmutableDictionary(member => member.Key, member => member.Value.GetRawText()) ?? ImmutableDictionary<string, string>.Empty;
}
