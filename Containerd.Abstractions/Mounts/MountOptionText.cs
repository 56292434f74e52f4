using System.Collections.Immutable;
using System.Text;

namespace Containerd;

/// <summary>The text form of mount options: separators that a backslash escapes or double quotes enclose do not separate.</summary>
internal static class MountOptionText
{
    // The quote, lest it hides the end of the option.
    private const string Special = "\\:,\"";

    public static IEnumerable<string> Split(string options) => SplitAt(options, ',', quotes: true).Where(option => option.Length > 0);

    // To the kernel a quote is a character of a directory's name like others.
    public static IEnumerable<string> SplitDirectories(string value) => SplitAt(value, ':', quotes: false);

    public static string EscapeDirectory(string path)
    {
        if (path.AsSpan().IndexOfAny(Special) < 0)
            return path;
        var escaped = new StringBuilder(path.Length + 8);
        foreach (char c in path)
        {
            if (Special.Contains(c))
                escaped.Append('\\');
            escaped.Append(c);
        }
        return escaped.ToString();
    }

    public static string Unescape(string value)
    {
        if (!value.Contains('\\', StringComparison.Ordinal))
            return value;
        var plain = new StringBuilder(value.Length);
        for (int i = 0; i < value.Length; i++)
        {
            if (value[i] == '\\' && i + 1 < value.Length)
                i++;
            plain.Append(value[i]);
        }
        return plain.ToString();
    }

    private static ImmutableArray<string> SplitAt(string text, char separator, bool quotes)
    {
        if (!text.Contains(separator, StringComparison.Ordinal))
            return [text];
        var parts = ImmutableArray.CreateBuilder<string>();
        bool quoted = false;
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"' && quotes)
                quoted = !quoted;
            else if (text[i] == separator && !quoted)
            {
                parts.Add(text[start..i]);
                start = i + 1;
            }
        }
        parts.Add(text[start..]);
        return parts.ToImmutable();
    }
}
