using System.Text.Json;
using System.Text.RegularExpressions;

namespace Containerd.Execution;

/// <summary>Reads what runtimes say of themselves.</summary>
internal static partial class RuntimeVersionText
{
    /// <summary>Parses the answer to --version.</summary>
    /// <returns>Null where it is none of an OCI runtime.</returns>
    public static RuntimeInfo? Parse(string text)
    {
        Match version = VersionLine().Match(text);
        if (!version.Success || ToVersion(version.Groups[2].Value) is not { } number)
            return null;
        Match specification = SpecificationLine().Match(text);
        return new RuntimeInfo
        {
            Name = version.Groups[1].Value,
            Version = number,
            SpecificationVersion = specification.Success ? ToVersion(specification.Groups[1].Value) : null,
        };
    }

    /// <summary>Parses the answer to features; null where it is no JSON object.</summary>
    public static JsonElement? ParseFeatures(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public static RuntimeInfo WithFeatures(RuntimeInfo info, JsonElement features) => info with
    {
        Features = features,
        SpecificationVersion = features.TryGetProperty("ociVersionMax", out JsonElement max) && max.ValueKind == JsonValueKind.String
            ? ToVersion(VersionNumber().Match(max.GetString()!).Value) ?? info.SpecificationVersion
            : info.SpecificationVersion,
    };

    private static Version? ToVersion(string text) => Version.TryParse(text, out Version? version) ? version : null;

    // "runc version 1.1.5+ds1", "crun version 1.8.1", "runsc version release-20221219.0", "runsc version 0.0~20221219.0"
    [GeneratedRegex(@"^(\S+) version (?:release-)?(\d+\.\d+(?:\.\d+)?)", RegexOptions.Multiline | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex VersionLine();

    [GeneratedRegex(@"^spec: (\d+\.\d+(?:\.\d+)?)", RegexOptions.Multiline | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex SpecificationLine();

    [GeneratedRegex(@"^\d+\.\d+(?:\.\d+)?", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex VersionNumber();
}
