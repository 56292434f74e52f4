using System.Collections.Immutable;
using System.Text;

namespace Containerd.Snapshots;

/// <summary>A step of a pattern.</summary>
/// <param name="Kind">What it stands for.</param>
/// <param name="Ranges">The characters it stands for, where it stands for one.</param>
/// <param name="IsNegated">Whether it stands for all others, a slash left out.</param>
internal readonly record struct PatternToken(PatternTokenKind Kind, ImmutableArray<(Rune First, Rune Last)> Ranges = default, bool IsNegated = false)
{
    public bool Matches(Rune character)
    {
        if (IsNegated && character.Value == '/')
            return false;
        foreach ((Rune first, Rune last) in Ranges)
        {
            if (character >= first && character <= last)
                return !IsNegated;
        }
        return IsNegated;
    }

    /// <summary>Takes a cleaned pattern apart.</summary>
    public static ImmutableArray<PatternToken> ParseAll(string pattern)
    {
        var tokens = ImmutableArray.CreateBuilder<PatternToken>();
        Rune[] text = [.. pattern.EnumerateRunes()];
        for (int i = 0; i < text.Length; i++)
        {
            switch (text[i].Value)
            {
                case '*' when i + 1 < text.Length && text[i + 1].Value == '*':
                    i++;
                    if (i + 1 < text.Length && text[i + 1].Value == '/')
                        i++;
                    if (i + 1 == text.Length)
                    {
                        tokens.Add(new PatternToken(PatternTokenKind.Everything));
                        break;
                    }
                    tokens.Add(new PatternToken(PatternTokenKind.NoDirectory));
                    tokens.Add(new PatternToken(PatternTokenKind.Directories));
                    break;
                case '*':
                    tokens.Add(new PatternToken(PatternTokenKind.InName));
                    break;
                case '?':
                    tokens.Add(new PatternToken(PatternTokenKind.Characters, [], IsNegated: true));
                    break;
                case '[':
                    tokens.Add(ParseClass(pattern, text, ref i));
                    break;
                default:
                    Rune literal = TakeCharacter(pattern, text, ref i);
                    tokens.Add(new PatternToken(PatternTokenKind.Characters, [(literal, literal)]));
                    break;
            }
        }
        return tokens.ToImmutable();
    }

    private static PatternToken ParseClass(string pattern, Rune[] text, ref int i)
    {
        bool negated = ++i < text.Length && text[i].Value == '^';
        if (negated)
            i++;
        var ranges = ImmutableArray.CreateBuilder<(Rune, Rune)>();
        for (; i < text.Length; i++)
        {
            if (text[i].Value == ']' && ranges.Count > 0)
                return new PatternToken(PatternTokenKind.Characters, ranges.ToImmutable(), negated);
            if (text[i].Value is ']' or '-')
                break;
            Rune first = TakeCharacter(pattern, text, ref i), last = first;
            if (i + 1 < text.Length && text[i + 1].Value == '-')
            {
                i += 2;
                if (i >= text.Length || text[i].Value is ']' or '-')
                    break;
                last = TakeCharacter(pattern, text, ref i);
            }
            ranges.Add((first, last));
        }
        throw new ArgumentException($"The pattern '{Excerpt.Of(pattern)}' has a '[' that is not closed, or nothing sensible in it.", nameof(pattern));
    }

    private static Rune TakeCharacter(string pattern, Rune[] text, ref int i)
    {
        if (text[i].Value == '\\' && ++i == text.Length)
            throw new ArgumentException($"The pattern '{Excerpt.Of(pattern)}' ends with a '\\' that escapes nothing.", nameof(pattern));
        return text[i];
    }
}
