using System.Text.Json.Serialization;

namespace Containerd.Images;

/// <summary>What a token service answers. Source: distribution docs, Token Authentication Specification.</summary>
internal sealed record TokenReply
{
    [JsonPropertyName("token")]
    public string? Token { get; init; }

    [JsonPropertyName("access_token")]
    public string? AccessToken { get; init; }

    [JsonPropertyName("expires_in")]
    public long? ExpiresIn { get; init; }
}
