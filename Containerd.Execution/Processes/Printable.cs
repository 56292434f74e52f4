using System.Globalization;
using System.Text;

namespace Containerd.Execution;

/// <summary>Text of unknown origin, made fit for a message: bounded, and without control characters that could forge a log line.</summary>
internal static class Printable
{
    private const int MaxLength = 1000;

    public static string Of(string text)
    {
        var safe = new StringBuilder(Math.Min(text.Length, MaxLength) + 1);
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
