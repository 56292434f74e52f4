using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>A directory that is being copied: both its sides, and how many of the directories in it are not done yet.</summary>
/// <remarks>
/// A directory gets its own attributes after everything beneath it was made, since making things changes its times, a mode may forbid it, and a default
/// ACL would be inherited.
/// </remarks>
internal sealed class CopiedDirectory
{
    private int _pending = 1;
    private volatile bool _isPresent, _isCopied, _existed;

    /// <summary>A root.</summary>
    public CopiedDirectory(CopySide source, CopySide destination, SelectionState selection)
    {
        Source = new DirectoryRef(source, null, []);
        Destination = new DirectoryRef(destination, null, []);
        Selection = selection;
        _isPresent = _isCopied = _existed = IsSelected = true;
    }

    /// <summary>A directory in another.</summary>
    public CopiedDirectory(CopiedDirectory parent, byte[] terminatedName, SelectionState selection, bool isSelected, bool inSource)
    {
        Parent = parent;
        Source = inSource ? new DirectoryRef(parent.Source!.Side, parent.Source, terminatedName) : null;
        Destination = new DirectoryRef(parent.Destination.Side, parent.Destination, terminatedName);
        Selection = selection;
        IsSelected = isSelected;
        Interlocked.Increment(ref parent._pending);
    }

    public CopiedDirectory? Parent { get; }

    /// <summary>The directory to copy; null where the destination alone has it.</summary>
    public DirectoryRef? Source { get; }

    public DirectoryRef Destination { get; }

    public SelectionState Selection { get; }

    /// <summary>Whether the directory itself is to be copied, rather than made only if something in it is.</summary>
    public bool IsSelected { get; }

    /// <summary>What the source was when it was opened first.</summary>
    public FileDetails Details { get; set; }

    /// <summary>Whether the destination is known to have the directory.</summary>
    public bool IsPresent => _isPresent;

    /// <summary>Whether the destination has the directory because of this copy, so that it gets the source's attributes.</summary>
    public bool IsCopied => _isCopied;

    /// <summary>Whether it was there before.</summary>
    public bool Existed => _existed;

    /// <summary>Whether what is made in the destination inherits an ACL, which the source's may not have.</summary>
    public bool PassesAcl { get; set; }

    public void MarkPresent(bool existed)
    {
        _existed |= existed;
        _isPresent = true;
    }

    public void MarkCopied() => _isCopied = true;

    /// <summary>Ends what has been begun for the directory or one in it; true where nothing more is to be done beneath it.</summary>
    public bool Release() => Interlocked.Decrement(ref _pending) == 0;

    public void Close()
    {
        Source?.Close();
        Destination.Close();
    }
}
