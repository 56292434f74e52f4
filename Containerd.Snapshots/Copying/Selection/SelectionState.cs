namespace Containerd.Snapshots;

/// <summary>How far the patterns of a selection have come at a directory.</summary>
internal readonly record struct SelectionState(PatternList.Match Include, PatternList.Match Exclude);
