using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>A directory that the walk is in, and how far it has got there.</summary>
internal sealed class DiffLevel : IDisposable
{
    private readonly DirectoryNames _upperNames = new();
    private readonly DirectoryNames? _lowerNames;

    /// <summary>Lists a directory of both trees.</summary>
    /// <param name="node">The directory as the layer knows it.</param>
    /// <param name="upper">The directory after, which belongs to the level from now on.</param>
    /// <param name="lower">The directory before, likewise; null where nothing was there.</param>
    /// <param name="path">The path of the directory.</param>
    public DiffLevel(DiffDirectory node, SafeFileHandle upper, LowerDirectory? lower, TreePath path)
    {
        Node = node;
        Upper = upper;
        Lower = lower;
        PathLength = path.Length;
        HasMarkedWhiteouts = node.Tree.Marks?.HasMarkedWhiteouts(upper) ?? false;
        _upperNames.Add(upper, ArchiveText.Safe(path.Span));
        _upperNames.Sort();
        if (HoldsChangesOnly || lower is null)
            return;
        _lowerNames = new DirectoryNames();
        lower.AddNames(_lowerNames, path);
        _lowerNames.Sort();
    }

    public DiffDirectory Node { get; }

    public SafeFileHandle Upper { get; }

    public LowerDirectory? Lower { get; }

    public int PathLength { get; }

    /// <summary>Whether empty files after may be whiteouts by an attribute.</summary>
    public bool HasMarkedWhiteouts { get; }

    /// <summary>Whether what is not in the directory after is unchanged, rather than gone.</summary>
    public bool HoldsChangesOnly => Node.Tree.Marks is not null;

    /// <summary>Takes the next name of either directory.</summary>
    public bool TryTake(out ReadOnlyMemory<byte> terminatedName, out bool isInUpper)
    {
        ReadOnlyMemory<byte> upper = _upperNames.Current, lower = _lowerNames?.Current ?? default;
        int order = upper.IsEmpty || lower.IsEmpty ? lower.Length - upper.Length : upper.Span.SequenceCompareTo(lower.Span);
        isInUpper = !upper.IsEmpty && order <= 0;
        terminatedName = isInUpper ? upper : lower;
        if (isInUpper)
            _upperNames.Advance();
        if (!lower.IsEmpty && order >= 0)
            _lowerNames!.Advance();
        return !terminatedName.IsEmpty;
    }

    public void Dispose()
    {
        Upper.Dispose();
        Lower?.Dispose();
    }
}
