namespace Containerd.Snapshots;

/// <summary>Which paths of a tree are copied: those that are included and not excluded.</summary>
internal sealed class PathSelection
{
    private readonly PatternList? _include, _exclude;

    /// <summary>Reads the patterns.</summary>
    /// <exception cref="ArgumentException">One of them is malformed.</exception>
    public PathSelection(FileTreeCopyOptions options)
    {
        _include = PatternList.Parse(options.Include);
        _exclude = PatternList.Parse(options.Exclude);
    }

    /// <summary>The root.</summary>
    public SelectionState Start => new(_include?.Start ?? default, _exclude?.Start ?? default);

    /// <summary>Whether an entry of a directory is selected.</summary>
    public bool Selects(in SelectionState directory, ReadOnlySpan<byte> name) =>
        _include?.IsMatch(directory.Include, name) != false && _exclude?.IsMatch(directory.Exclude, name) != true;

    /// <summary>A directory in a directory.</summary>
    public SelectionState Enter(in SelectionState directory, ReadOnlySpan<byte> name) =>
        new(_include?.Enter(directory.Include, name) ?? default, _exclude?.Enter(directory.Exclude, name) ?? default);

    /// <summary>Whether anything beneath a directory may be selected, the directory itself being so or not.</summary>
    public bool MayContain(in SelectionState directory) =>
        (_include is null || _include.IsMatched(directory.Include) || _include.MayMatchBeneath(directory.Include, exceptions: false))
        && (_exclude is null || !_exclude.IsMatched(directory.Exclude) || _exclude.MayMatchBeneath(directory.Exclude, exceptions: true));
}
