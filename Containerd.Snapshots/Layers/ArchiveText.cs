using System.Globalization;
using System.Text;

namespace Containerd.Snapshots;

/// <summary>Names from an archive, made fit for a message: bounded, and with every byte that could forge a log line escaped.</summary>
internal static class ArchiveText
{
    private const int MaxLength = 200;

    public static string Safe(ReadOnlySpan<byte> name)
    {
        // Only the part that is shown is decoded; a character cut in half becomes the replacement character.
        bool cut = name.Length > MaxLength;
        string text = Safe(Encoding.UTF8.GetString(cut ? name[..MaxLength] : name));
        return cut ? text + '…' : text;
    }

    public static string Safe(string text)
    {
        var safe = new StringBuilder(Math.Min(text.Length, MaxLength) + 1);
        foreach (char c in text.AsSpan(0, Math.Min(text.Length, MaxLength)))
        {
            if (char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
                safe.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                safe.Append(c);
        }
        return text.Length > MaxLength ? safe.Append('…').ToString() : safe.ToString();
    }
}
