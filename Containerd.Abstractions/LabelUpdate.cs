using System.Collections.Frozen;

namespace Containerd;

/// <summary>A change to an object's labels, applied in one step by the store that holds them.</summary>
/// <remarks>Immutable. The same powers as containerd's update field paths: the whole map (<c>labels</c>) or single keys (<c>labels.KEY</c>).</remarks>
public sealed class LabelUpdate
{
    private readonly FrozenDictionary<string, string?> _changes;
    private readonly bool _replaces;

    private LabelUpdate(IEnumerable<KeyValuePair<string, string?>> changes, bool replaces)
    {
        _changes = changes.ToFrozenDictionary(StringComparer.Ordinal);
        _replaces = replaces;
    }

    /// <summary>All labels there were are dropped, and these set.</summary>
    /// <param name="labels">The labels the object has afterwards.</param>
    public static LabelUpdate Replace(IReadOnlyDictionary<string, string> labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        return new(labels.Select(label => KeyValuePair.Create(label.Key, (string?)label.Value)), replaces: true);
    }

    /// <summary>These labels are set, or removed where the value is null; all others stay.</summary>
    /// <param name="changes">The keys to touch.</param>
    public static LabelUpdate Merge(IReadOnlyDictionary<string, string?> changes)
    {
        ArgumentNullException.ThrowIfNull(changes);
        return new(changes, replaces: false);
    }

    /// <summary>One label is set; all others stay.</summary>
    /// <param name="key">The label's key.</param>
    /// <param name="value">Its value.</param>
    public static LabelUpdate Set(string key, string value) => new([KeyValuePair.Create(key, (string?)value)], replaces: false);

    /// <summary>One label is removed, if it is there; all others stay.</summary>
    /// <param name="key">The label's key.</param>
    public static LabelUpdate Remove(string key) => new([KeyValuePair.Create(key, (string?)null)], replaces: false);

    /// <summary>The labels that result from this change.</summary>
    /// <param name="current">The labels before it.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.InvalidArgument"/>: the result breaks a rule of <see cref="Labels.Validate"/>.</exception>
    public IReadOnlyDictionary<string, string> ApplyTo(IReadOnlyDictionary<string, string> current)
    {
        ArgumentNullException.ThrowIfNull(current);
        Dictionary<string, string> result = _replaces ? [] : new(current, StringComparer.Ordinal);
        foreach ((string key, string? value) in _changes)
        {
            if (value is null)
                result.Remove(key);
            else
                result[key] = value;
        }
        Labels.Validate(result);
        return result;
    }
}
