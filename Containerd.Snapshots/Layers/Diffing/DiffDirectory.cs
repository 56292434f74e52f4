using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>A directory of the tree after, as far as the layer is concerned: it gets an entry once something in it does.</summary>
/// <remarks>Outlives the walk through it where an unchanged name in it may yet become a link to a changed file.</remarks>
/// <param name="parent">The directory it lies in; null for the root.</param>
/// <param name="tree">How it is opened.</param>
/// <param name="root">The root that its path begins at, open for as long as the walk.</param>
/// <param name="found">What it is.</param>
internal sealed class DiffDirectory(DiffDirectory? parent, ComparedTree tree, SafeFileHandle root, EntryStatus found)
{
    public DiffDirectory? Parent => parent;

    public ComparedTree Tree => tree;

    public SafeFileHandle Root => root;

    /// <summary>What it is.</summary>
    public EntryStatus Found { get; } = found;

    /// <summary>What its entry says that it is.</summary>
    public EntryStatus Described { get; set; } = found;

    /// <summary>Whether its entry has been written. The root has none.</summary>
    public bool IsWritten { get; set; }

    /// <summary>The path with a NUL behind it, kept where it is needed after the walk has left the directory.</summary>
    public byte[]? TerminatedPath { get; set; }

    /// <summary>The attributes to write instead of its own: those of the directory before it, for one that no layer describes.</summary>
    public XattrSet? Xattrs { get; set; }
}
