using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>A tree that is fitted onto a parent, with what that has changed of its directories, so that it can be undone.</summary>
/// <param name="files">The directory of the tree.</param>
internal sealed class FittedTree(string files)
{
    /// <summary>A directory that was changed, or that leads to one.</summary>
    internal sealed class Node(byte[] name)
    {
        private readonly List<Node> _children = [];

        /// <summary>With a zero at its end.</summary>
        public byte[] Name => name;

        public DirectoryAttributes? Before { get; set; }

        public IReadOnlyList<Node> Children => _children;

        public Node Add(byte[] child)
        {
            _children.Add(new Node(child));
            return _children[^1];
        }

        /// <summary>Forgets the child added last where nothing was changed in it.</summary>
        public void Close()
        {
            if (_children[^1] is { Before: null, Children.Count: 0 })
                _children.RemoveAt(_children.Count - 1);
        }
    }

    public string Files => files;

    public Node Root { get; } = new([]);

    /// <summary>Gives the directories back what they had. One that is gone meanwhile is left out, and so is all of a tree that was removed.</summary>
    public void Restore()
    {
        SafeFileHandle? root = Sys.TryOpen(null, files, Sys.ReadDirectoryOnly, out int errno);
        if (errno == ENOENT)
            return;
        if (root is null)
            throw Failure("Opening the tree", files, errno);
        var open = new Stack<(Node Node, SafeFileHandle Directory, int Next)>();
        open.Push((Root, root, 0));
        try
        {
            while (open.TryPop(out (Node Node, SafeFileHandle Directory, int Next) level))
            {
                if (level.Next == 0)
                    level.Node.Before?.Restore(level.Directory, files);
                if (level.Next == level.Node.Children.Count)
                {
                    level.Directory.Dispose();
                    continue;
                }
                open.Push(level with { Next = level.Next + 1 });
                Node child = level.Node.Children[level.Next];
                SafeFileHandle? directory = Sys.TryOpenConfined(level.Directory, child.Name, Sys.ReadDirectoryOnly, ImpliedDirectories.Confined, out errno);
                if (directory is not null)
                    open.Push((child, directory, 0));
                else if (errno is not (ENOENT or ENOTDIR or ELOOP))
                    throw Failure("Opening a directory of", files, errno);
            }
        }
        finally
        {
            foreach ((_, SafeFileHandle directory, _) in open)
                directory.Dispose();
        }
    }
}
