namespace Containerd.Snapshots;

/// <summary>Patterns in their order: the last one that matches a path, or a directory above it, decides.</summary>
internal sealed class PatternList
{
    private readonly PathPattern[] _patterns;

    private PatternList(PathPattern[] patterns)
    {
        _patterns = patterns;
        MaxWords = patterns.Max(pattern => (int?)pattern.Words) ?? 0;
    }

    /// <summary>Null where there are none, those that match nothing not counted.</summary>
    /// <exception cref="ArgumentException">One of them is malformed.</exception>
    public static PatternList? Parse(IReadOnlyList<string> patterns)
    {
        PathPattern[] parsed = [.. patterns.Select(PathPattern.Parse).OfType<PathPattern>()];
        return parsed.Length == 0 ? null : new PatternList(parsed);
    }

    public Match Start => new(new bool[_patterns.Length], [.. _patterns.Select(pattern => pattern.Start)]);

    /// <summary>Whether an entry of a directory is matched.</summary>
    public bool IsMatch(in Match directory, ReadOnlySpan<byte> name)
    {
        Span<ulong> buffer = stackalloc ulong[MaxWords];
        for (int i = _patterns.Length - 1; i >= 0; i--)
        {
            if (directory.Matched[i])
                return !_patterns[i].IsException;
            if (directory.Places[i] is not { } places)
                continue;
            Span<ulong> after = buffer[.._patterns[i].Words];
            _patterns[i].Advance(name, places, after);
            if (_patterns[i].Accepts(after))
                return !_patterns[i].IsException;
        }
        return false;
    }

    /// <summary>How far the patterns have come after a directory in a directory.</summary>
    public Match Enter(in Match directory, ReadOnlySpan<byte> name)
    {
        var matched = new bool[_patterns.Length];
        var places = new ulong[]?[_patterns.Length];
        for (int i = 0; i < _patterns.Length; i++)
        {
            matched[i] = directory.Matched[i];
            if (directory.Places[i] is not { } before)
                continue;
            ulong[] after = new ulong[before.Length];
            _patterns[i].Advance(name, before, after);
            if (_patterns[i].Accepts(after))
            {
                matched[i] = true;
                continue;
            }
            ulong[] beneath = new ulong[before.Length];
            _patterns[i].Advance("/"u8, after, beneath);
            places[i] = beneath.AsSpan().ContainsAnyExcept(0ul) ? beneath : null;
        }
        return new Match(matched, places);
    }

    /// <summary>Whether the last pattern that matched the directory is no exception: what is in it is matched too, but for exceptions.</summary>
    public bool IsMatched(in Match directory)
    {
        int last = Array.LastIndexOf(directory.Matched, true);
        return last >= 0 && !_patterns[last].IsException;
    }

    /// <summary>Whether a pattern of a kind can still match something beneath the directory that it did not match so far.</summary>
    public bool MayMatchBeneath(in Match directory, bool exceptions)
    {
        for (int i = 0; i < _patterns.Length; i++)
        {
            if (_patterns[i].IsException == exceptions && directory.Places[i] is not null)
                return true;
        }
        return false;
    }

    private int MaxWords { get; }

    /// <summary>How far the patterns have come at a directory.</summary>
    /// <param name="Matched">Which of them match it, or a directory above it.</param>
    /// <param name="Places">Where the others are; null for one that cannot match anything beneath any more.</param>
    internal readonly record struct Match(bool[] Matched, ulong[]?[] Places);
}
