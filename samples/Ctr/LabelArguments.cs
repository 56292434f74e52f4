using System.CommandLine;
using Containerd;

namespace Ctr;

/// <summary>Labels on the command line: <c>KEY=VALUE</c>.</summary>
internal static class LabelArguments
{
    /// <summary>The labels of something that is made.</summary>
    public static Option<string[]> Option() => new("--label") { Description = "A label; may be repeated.", HelpName = "KEY=VALUE" };

    /// <exception cref="FormatException">One of them is no label.</exception>
    public static Dictionary<string, string> Parse(IEnumerable<string>? labels)
    {
        var parsed = new Dictionary<string, string>();
        foreach (string label in labels ?? [])
        {
            (string key, string value) = Split(label);
            parsed[key] = value;
        }
        return parsed;
    }

    /// <summary>A change of labels, where an empty value removes one.</summary>
    /// <exception cref="FormatException">One of them is no label.</exception>
    public static LabelUpdate ParseUpdate(IEnumerable<string> changes) =>
        LabelUpdate.Merge(Parse(changes).ToDictionary(change => change.Key, change => change.Value is "" ? null : change.Value));

    /// <summary>Labels for a person, in the order of their keys. A value may be any text: what would steer a terminal is escaped.</summary>
    public static IEnumerable<string> Format(IReadOnlyDictionary<string, string> labels) =>
        labels.OrderBy(label => label.Key, StringComparer.Ordinal).Select(label => Escape($"{label.Key}={label.Value}"));

    private static string Escape(string text) => string.Concat(text.Select(c => char.IsControl(c) ? $"\\u{(int)c:x4}" : c.ToString()));

    private static (string Key, string Value) Split(string label) => label.IndexOf('=', StringComparison.Ordinal) is > 0 and var end
        ? (label[..end], label[(end + 1)..])
        : throw new FormatException($"'{label}' is no label: it has to be KEY=VALUE.");
}
