using System.Collections.Immutable;
using System.Numerics;
using System.Text;

namespace Containerd.Snapshots;

/// <summary>A pattern of <c>.dockerignore</c>, matched name by name on the way down a tree.</summary>
/// <remarks>
/// Runs all ways of matching side by side, as a set of places in the pattern, so that no name makes it slow; the set after a directory says at once whether
/// anything beneath can match. Source of the syntax: moby/patternmatcher and Go's path/filepath Match.
/// </remarks>
internal sealed class PathPattern
{
    private const int BitsPerWord = 64;
    private const int MaxLength = 4096;

    private readonly ImmutableArray<PatternToken> _tokens;

    private PathPattern(ImmutableArray<PatternToken> tokens, bool isException)
    {
        _tokens = tokens;
        IsException = isException;
        Words = (tokens.Length / BitsPerWord) + 1;
        Start = new ulong[Words];
        Add(Start, 0);
    }

    /// <summary>Whether it takes back what patterns before it matched (<c>!</c>).</summary>
    public bool IsException { get; }

    /// <summary>How many words a set of places has.</summary>
    public int Words { get; }

    /// <summary>The places before anything was matched.</summary>
    public ulong[] Start { get; }

    /// <summary>Reads a pattern; null where it is empty or the root, which match nothing.</summary>
    /// <exception cref="ArgumentException">It is malformed.</exception>
    public static PathPattern? Parse(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        string text = pattern.Trim();
        bool isException = text.StartsWith('!');
        if (isException)
            text = text[1..].Trim();
        if (isException && text.Length == 0)
            throw new ArgumentException("The pattern '!' excepts nothing.", nameof(pattern));
        if (text.Length > MaxLength || text.Contains('\0', StringComparison.Ordinal))
            throw new ArgumentException($"The pattern '{Excerpt.Of(pattern)}' is longer than any path, or has a NUL in it.", nameof(pattern));
        text = Clean(text);
        return text.Length == 0 ? null : new PathPattern(PatternToken.ParseAll(text), isException);
    }

    /// <summary>Goes on from a set of places over more of a path.</summary>
    /// <param name="text">What comes next in the path, as the bytes it is.</param>
    /// <param name="from">The places so far.</param>
    /// <param name="to">Receives the places after it.</param>
    public void Advance(ReadOnlySpan<byte> text, ReadOnlySpan<ulong> from, Span<ulong> to)
    {
        Span<ulong> current = stackalloc ulong[Words];
        from.CopyTo(to);
        while (!text.IsEmpty && to.ContainsAnyExcept(0ul))
        {
            // A byte that is no UTF-8 counts as one character, as in Go.
            Rune.DecodeFromUtf8(text, out Rune character, out int length);
            text = text[length..];
            to.CopyTo(current);
            to.Clear();
            for (int word = 0; word < current.Length; word++)
            {
                for (ulong bits = current[word]; bits != 0; bits &= bits - 1)
                    Step((word * BitsPerWord) + BitOperations.TrailingZeroCount(bits), character, to);
            }
        }
    }

    /// <summary>Whether a set of places includes the end: what was passed matches.</summary>
    public bool Accepts(ReadOnlySpan<ulong> places) => (places[_tokens.Length / BitsPerWord] >> (_tokens.Length % BitsPerWord) & 1) != 0;

    private void Step(int place, Rune character, Span<ulong> to)
    {
        if (place == _tokens.Length)
            return;
        PatternToken token = _tokens[place];
        switch (token.Kind)
        {
            case PatternTokenKind.Characters:
                if (token.Matches(character))
                    Add(to, place + 1);
                break;
            case PatternTokenKind.InName:
                if (character.Value != '/')
                    Add(to, place);
                break;
            case PatternTokenKind.Directories:
                Set(to, place);
                if (character.Value == '/')
                    Add(to, place + 1);
                break;
            case PatternTokenKind.Everything:
                Add(to, place);
                break;
        }
    }

    // With a place come those that are reached from it without a character.
    private void Add(Span<ulong> places, int place)
    {
        while (true)
        {
            PatternTokenKind? kind = place < _tokens.Length ? _tokens[place].Kind : null;
            if (kind != PatternTokenKind.NoDirectory)
                Set(places, place);
            switch (kind)
            {
                case PatternTokenKind.InName or PatternTokenKind.Everything:
                    place++;
                    break;
                case PatternTokenKind.NoDirectory: // before Directories: either none of them, or some
                    Set(places, place + 1);
                    place += 2;
                    break;
                default:
                    return;
            }
        }
    }

    private static void Set(Span<ulong> places, int place) => places[place / BitsPerWord] |= 1ul << (place % BitsPerWord);

    // As Go's filepath.Clean, and without the slash at the beginning: every pattern is relative to the root of the tree.
    private static string Clean(string text)
    {
        var names = new List<string>();
        foreach (string name in text.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (name == ".." && names.Count > 0 && names[^1] != "..")
                names.RemoveAt(names.Count - 1);
            else if (name != "." && !(name == ".." && text[0] == '/'))
                names.Add(name);
        }
        return string.Join('/', names);
    }
}
