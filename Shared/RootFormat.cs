using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd;

/// <summary>
/// The <c>format</c> file of a root directory: whose it is, in which format, and which version made it. Read before anything in the root is touched, so that no version
/// works on what it does not understand.
/// </summary>
internal sealed record RootFormat
{
    public const string FileName = "format";

    /// <summary>A larger file is no format file.</summary>
    public const int MaxBytes = 4096;

    [JsonPropertyName("component")]
    public required string Component { get; init; }

    [JsonPropertyName("format")]
    public required int Format { get; init; }

    [JsonPropertyName("writer")]
    public required string Writer { get; init; }

    private static string ThisVersion =>
        typeof(RootFormat).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0.0.0";

    /// <summary>The content of a new format file.</summary>
    public static byte[] Write(string component, int format) => JsonSerializer.SerializeToUtf8Bytes(
        new RootFormat { Component = component, Format = format, Writer = ThisVersion }, RootFormatJson.Default.RootFormat);

    /// <summary>Whose root it is, in whatever format; null where the file is damaged.</summary>
    /// <param name="json">The content of the format file, at most <see cref="MaxBytes"/>.</param>
    public static string? ComponentOf(ReadOnlySpan<byte> json)
    {
        try
        {
            return json.Length > MaxBytes ? null : JsonSerializer.Deserialize(json, RootFormatJson.Default.RootFormat)?.Component;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Reads a format file.</summary>
    /// <param name="json">Its content, at most <see cref="MaxBytes"/>.</param>
    /// <param name="root">The root it lies in.</param>
    /// <param name="component">Whose root it must be.</param>
    /// <param name="oldest">The oldest format that this version can bring up to date.</param>
    /// <param name="newest">The format that this version writes.</param>
    /// <returns>The format it has.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.DataCorrupted"/>: the file is damaged. -or-
    /// <see cref="ErrorKind.FailedPrecondition"/>: the root is another component's. -or-
    /// <see cref="ErrorKind.NotSupported"/>: its format is older or newer; the message names both and who wrote it.</exception>
    public static int Check(ReadOnlySpan<byte> json, string root, string component, int oldest, int newest)
    {
        RootFormat? found = null;
        JsonException? problem = null;
        try
        {
            found = json.Length > MaxBytes ? null : JsonSerializer.Deserialize(json, RootFormatJson.Default.RootFormat);
        }
        catch (JsonException e)
        {
            problem = e;
        }
        if (found is null)
        {
            throw new ContainerdException(ErrorKind.DataCorrupted, $"The file '{FileName}' in '{Excerpt.Of(root)}' is damaged: it does not say what the directory is.", problem)
            {
                Subject = root,
            };
        }
        if (found.Component != component)
        {
            throw new ContainerdException(
                ErrorKind.FailedPrecondition, $"'{Excerpt.Of(root)}' holds {Excerpt.Of(found.Component)}, not {component}. Give each component a directory of its own.")
            {
                Subject = root,
            };
        }
        if (found.Format < oldest || found.Format > newest)
        {
            string readable = oldest == newest ? $"format {newest}" : $"formats {oldest} to {newest}";
            throw new ContainerdException(
                ErrorKind.NotSupported,
                $"'{Excerpt.Of(root)}' holds {component} in format {found.Format}, written by version {Excerpt.Of(found.Writer)}; version {ThisVersion} reads {readable}. "
                + "Use a version that reads it, or another directory.")
            {
                Subject = root,
            };
        }
        return found.Format;
    }
}

[JsonSerializable(typeof(RootFormat))]
internal sealed partial class RootFormatJson : JsonSerializerContext;
