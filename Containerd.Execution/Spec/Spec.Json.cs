using System.Text.Json;

namespace Containerd.Execution;

public sealed partial record Spec
{
    private const int MaxJsonBytes = 16 * 1024 * 1024;

    /// <summary>Reads a <c>config.json</c>.</summary>
    /// <param name="json">UTF-8 JSON, at most 16 MiB.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.InvalidArgument"/>: it is no JSON, or none of the specification. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: it is too large.</exception>
    public static Spec Parse(ReadOnlySpan<byte> json)
    {
        if (json.Length > MaxJsonBytes)
            throw new ContainerdException(ErrorKind.ResourceExhausted, $"A container's config.json has {json.Length} bytes; at most {MaxJsonBytes} are read.");
        try
        {
            return JsonSerializer.Deserialize(json, SpecJson.Default.Spec)
                ?? throw new ContainerdException(ErrorKind.InvalidArgument, "A container's config.json is null.");
        }
        catch (JsonException e)
        {
            throw new ContainerdException(ErrorKind.InvalidArgument, $"A container's config.json is not what the OCI runtime specification says: {Excerpt.OfMessage(e.Message)}", e);
        }
    }

    /// <summary>The <c>config.json</c> as UTF-8 JSON. The same value always gives the same bytes.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, SpecJson.Default.Spec);
}
