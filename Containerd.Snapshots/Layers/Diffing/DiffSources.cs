using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>The two trees of a comparison, open: the topmost directory of an overlay and what is beneath it, or two whole trees.</summary>
internal sealed class DiffSources : IDisposable
{
    private readonly List<ReadOnlyView> _views = [];

    private DiffSources()
    {
    }

    /// <summary>The tree after. Where it has <see cref="ComparedTree.Marks"/> it holds changes only.</summary>
    public ComparedTree UpperTree { get; private set; } = null!;

    public SafeFileHandle Upper { get; private set; } = null!;

    /// <summary>The tree before; null for none.</summary>
    public LowerDirectory? Lower { get; private set; }

    public static DiffSources Open(IReadOnlyList<Mount> lower, IReadOnlyList<Mount> upper, IMounter? mounter)
    {
        var sources = new DiffSources();
        try
        {
            MountStack? upperStack = MountStack.Of(upper), lowerStack = MountStack.Of(lower);
            if (upperStack is not null && lowerStack is not null && upperStack.IsOneAbove(lowerStack))
                sources.OpenChanges(upperStack, lowerStack, sources.View(lower, mounter), sources.View(upper, mounter));
            else
                sources.OpenWhole(lower, upper, mounter);
            return sources;
        }
        catch
        {
            sources.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Upper?.Dispose();
        Lower?.Dispose();
        _views.ForEach(view => view.Dispose());
    }

    private void OpenChanges(MountStack upper, MountStack lower, ReadOnlyView lowerView, ReadOnlyView upperView)
    {
        var marks = new OverlayAttributes(MountStack.UsesUserXattr(upper.Overlay!));
        UpperTree = ComparedTree.Layers(marks, upperView);
        Upper = MountStack.Open(upper.Directories[0]);
        if (lower.Directories.Count == 0)
            return;
        var directories = new List<SafeFileHandle>();
        try
        {
            foreach (string directory in lower.Directories)
                directories.Add(MountStack.Open(directory));
            Lower = LowerDirectory.Open(ComparedTree.Layers(marks, lowerView), directories);
        }
        catch
        {
            directories.ForEach(directory => directory.Dispose());
            throw;
        }
    }

    private void OpenWhole(IReadOnlyList<Mount> lower, IReadOnlyList<Mount> upper, IMounter? mounter)
    {
        (UpperTree, Upper) = OpenWhole(upper, mounter);
        if (lower.Count == 0)
            return;
        (ComparedTree tree, SafeFileHandle root) = OpenWhole(lower, mounter);
        Lower = LowerDirectory.Open(tree, [root]);
    }

    // A bind shows what its source holds, with other owners maybe, which a layer does not have: there is nothing to mount.
    private (ComparedTree Tree, SafeFileHandle Root) OpenWhole(IReadOnlyList<Mount> mounts, IMounter? mounter)
    {
        if (MountStack.Of(mounts) is { Overlay: null, Directories: [{ } source] })
            return (ComparedTree.Plain(), MountStack.Open(source));
        SafeFileHandle root = View(mounts, mounter).Root;
        return (ComparedTree.Mounted(), Reopen(root));
    }

    private ReadOnlyView View(IReadOnlyList<Mount> mounts, IMounter? mounter)
    {
        var view = new ReadOnlyView(mounts, mounter);
        _views.Add(view);
        return view;
    }

    // The walk closes what it walks through, the view its own.
    private static SafeFileHandle Reopen(SafeFileHandle root) => MountStack.Open(Interop.Sys.PathOf(root));
}
