using System.Text.Json.Serialization;

namespace Containerd.Images;

/// <summary>The body of a registry's refusal. Source: distribution-spec v1.1 §Error Codes.</summary>
internal sealed record RegistryErrors
{
    [JsonPropertyName("errors")]
    public IReadOnlyList<Entry?>? Errors { get; init; }

    internal sealed record Entry
    {
        [JsonPropertyName("code")]
        public string? Code { get; init; }

        [JsonPropertyName("message")]
        public string? Message { get; init; }
    }
}
