using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>A directory of the tree before: one that is mounted or whole, or those of an overlay's layers that make it up, topmost first.</summary>
internal sealed class LowerDirectory(ComparedTree tree, IReadOnlyList<LowerDirectory.Layer> layers) : IDisposable
{
    /// <summary>A directory of one layer.</summary>
    /// <param name="Directory">The directory.</param>
    /// <param name="HasMarkedWhiteouts">Whether files in it may be whiteouts by an attribute.</param>
    internal readonly record struct Layer(SafeFileHandle Directory, bool HasMarkedWhiteouts);

    public static LowerDirectory Open(ComparedTree tree, IEnumerable<SafeFileHandle> directories) =>
        new(tree, [.. directories.Select(directory => new Layer(directory, tree.Marks?.HasMarkedWhiteouts(directory) ?? false))]);

    public ComparedTree Tree => tree;

    /// <summary>What the tree shows under a name.</summary>
    /// <param name="terminatedName">The name.</param>
    /// <param name="path">Its path, for messages.</param>
    /// <param name="status">What it is.</param>
    /// <param name="directory">The directory that it lies in.</param>
    public bool TryFind(ReadOnlySpan<byte> terminatedName, TreePath path, out EntryStatus status, out SafeFileHandle directory)
    {
        foreach (Layer layer in layers)
        {
            directory = layer.Directory;
            if (ComparedTree.TryGetStatus(layer.Directory, terminatedName, path, out status))
                return !IsWhiteout(layer, terminatedName, status, path);
        }
        status = default;
        directory = null!;
        return false;
    }

    /// <summary>Enters a directory.</summary>
    public LowerDirectory Enter(ReadOnlySpan<byte> terminatedName, TreePath path)
    {
        var found = new List<Layer>();
        try
        {
            foreach (Layer layer in layers)
            {
                if (!ComparedTree.TryGetStatus(layer.Directory, terminatedName, path, out EntryStatus status))
                    continue;
                if (!status.IsDirectory)
                    break; // hides what lies further down
                SafeFileHandle directory = tree.OpenDirectory(layer.Directory, terminatedName, path);
                found.Add(new Layer(directory, tree.Marks?.HasMarkedWhiteouts(directory) ?? false));
                if (tree.Marks is null)
                    continue;
                if (tree.Marks.IsElsewhere(directory))
                    return EnterView(found, path);
                if (tree.Marks.IsOpaque(directory))
                    break;
            }
            return new LowerDirectory(tree, found);
        }
        catch
        {
            Close(found);
            throw;
        }
    }

    /// <summary>Adds the names of all layers, hidden ones too.</summary>
    public void AddNames(DirectoryNames names, TreePath path)
    {
        foreach (Layer layer in layers)
            names.Add(layer.Directory, ArchiveText.Safe(path.Span));
    }

    public void Dispose() => Close(layers);

    // Renamed by redirect_dir: where what it merges with lies the kernel finds.
    private LowerDirectory EnterView(List<Layer> found, TreePath path)
    {
        ComparedTree mounted = ComparedTree.Mounted();
        SafeFileHandle directory = mounted.OpenDirectory(tree.View!.Root, path.Terminated, path);
        Close(found);
        return new LowerDirectory(mounted, [new Layer(directory, HasMarkedWhiteouts: false)]);
    }

    private bool IsWhiteout(Layer layer, ReadOnlySpan<byte> terminatedName, in EntryStatus status, TreePath path)
    {
        if (tree.Marks is null)
            return false;
        if (status.IsWhiteout)
            return true;
        if (!layer.HasMarkedWhiteouts || !status.IsRegular || status.Size > 0)
            return false;
        using SafeFileHandle file = tree.OpenPath(layer.Directory, terminatedName, path);
        return tree.Marks.IsMarkedWhiteout(file);
    }

    private static void Close(IEnumerable<Layer> layers)
    {
        foreach (Layer layer in layers)
            layer.Directory.Dispose();
    }
}
