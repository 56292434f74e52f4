using System.Globalization;
using System.Text;

namespace Containerd.Snapshots;

/// <summary>Text of unknown origin, made fit for a message: bounded, and without control characters that could forge a log line.</summary>
internal static class Excerpt
{
    private const int MaxLength = 200;

    public static string Of(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return "";
        var safe = new StringBuilder();
        foreach (char c in text.AsSpan(0, Math.Min(text.Length, MaxLength)))
        {
            if (char.IsControl(c))
                safe.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                safe.Append(c);
        }
        return text.Length > MaxLength ? safe.Append('…').ToString() : safe.ToString();
    }
}
