using System.Globalization;
using System.Text;

namespace Containerd;

/// <summary>Text of unknown origin, made fit for a message: bounded, and without control characters that could forge a log line.</summary>
internal static class Excerpt
{
    private const int MaxNameLength = 200;
    private const int MaxMessageLength = 1000;

    /// <summary>A name, a path or a value.</summary>
    public static string Of(string? text) => Of(text, MaxNameLength);

    /// <summary>A message of another program, which is longer.</summary>
    public static string OfMessage(string? text) => Of(text, MaxMessageLength);

    private static string Of(string? text, int maxLength)
    {
        if (string.IsNullOrEmpty(text))
            return "";
        var safe = new StringBuilder(Math.Min(text.Length, maxLength) + 1);
        foreach (char c in text.AsSpan(0, Math.Min(text.Length, maxLength)))
        {
            if (char.IsControl(c))
                safe.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                safe.Append(c);
        }
        return text.Length > maxLength ? safe.Append('…').ToString() : safe.ToString();
    }
}
