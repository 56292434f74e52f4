using System.Collections.Frozen;
using System.Text.Json;

namespace Containerd.Snapshots;

/// <summary>Labels as they are kept in the database: a JSON object, or nothing where there are none.</summary>
internal static class LabelText
{
    public static string Write(IReadOnlyDictionary<string, string> labels) =>
        labels.Count == 0 ? "" : JsonSerializer.Serialize(new SortedDictionary<string, string>(labels.ToDictionary(), StringComparer.Ordinal), StoreJson.Default.SortedDictionaryStringString);

    public static IReadOnlyDictionary<string, string> Read(string? text, string snapshot)
    {
        if (string.IsNullOrEmpty(text))
            return FrozenDictionary<string, string>.Empty;
        try
        {
            return JsonSerializer.Deserialize(text, StoreJson.Default.SortedDictionaryStringString)?.AsReadOnly() ?? throw Damage(null);
        }
        catch (JsonException e)
        {
            throw Damage(e);
        }

        ContainerdException Damage(JsonException? cause) =>
            new(ErrorKind.DataCorrupted, $"Snapshot '{Excerpt.Of(snapshot)}': its labels in the metadata are no JSON object.", cause) { Subject = snapshot };
    }
}
