using System.Text.Json.Serialization;

namespace Containerd.Images;

/// <summary>The <c>ingest.json</c> of an ingest: what it is known by, when it began and what is to come.</summary>
internal sealed record IngestRecord
{
    [JsonPropertyName("reference")]
    public required string Reference { get; init; }

    [JsonPropertyName("startedAt")]
    public required DateTimeOffset StartedAt { get; init; }

    [JsonPropertyName("digest")]
    public Digest? Digest { get; init; }

    [JsonPropertyName("size")]
    public long? Size { get; init; }

    public bool Expects(Descriptor? descriptor) => Digest == descriptor?.Digest && Size == descriptor?.Size;
}
