using System.Text;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>
/// Fits a layer that was applied with nothing beneath onto its parent: directories that no entry of the layer describes take after what the parent has in their place.
/// Otherwise they would hide it behind the defaults they were made with (the fault U-5 tells of).
/// </summary>
/// <remarks>The marks stay, unseen through an overlay: the same may have to be done again, for another parent, when the commit fails.</remarks>
internal static class ImpliedDirectories
{
    public const ulong Confined = Sys.RESOLVE_BENEATH | Sys.RESOLVE_NO_SYMLINKS | Sys.RESOLVE_NO_XDEV;

    /// <summary>Adapts a tree to the trees beneath.</summary>
    /// <param name="tree">The tree, which is told what is about to be changed.</param>
    /// <param name="parents">The trees beneath, topmost first.</param>
    /// <param name="attributes">How overlayfs marks files.</param>
    /// <param name="cancellationToken">Stops between two directories.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.FailedPrecondition"/>: the parent has something else in the place of a directory that was implied. -or- the layer hides
    /// everything beneath it, which an overlay shows only name by name.</exception>
    public static void Adapt(FittedTree tree, IReadOnlyList<string> parents, OverlayAttributes attributes, CancellationToken cancellationToken)
    {
        string files = tree.Files;
        var lowers = new List<SafeFileHandle>();
        SafeFileHandle root = Open(files);
        try
        {
            if (attributes.IsOpaque(root))
            {
                throw new ContainerdException(
                    ErrorKind.FailedPrecondition,
                    "Putting a layer onto its parent: the layer deletes everything beneath it (its root is opaque), and was applied with nothing beneath. Prepare on the parent and apply the layer there.")
                { Subject = files };
            }
            if (attributes.HasReplaced(root))
            {
                throw new ContainerdException(
                    ErrorKind.FailedPrecondition,
                    "Putting a layer onto its parent: the layer removes again what it had made on the way to one of its entries, where the parent may have a link. Prepare on the parent and apply the layer there.")
                { Subject = files };
            }
            foreach (string parent in parents)
                lowers.Add(Open(parent));
            Change(tree.Root, lowers[0], root, files);
            if (attributes.WasImplied(root))
                new Walk(files, attributes, cancellationToken).Visit(root, lowers, tree.Root);
        }
        finally
        {
            root.Dispose();
            lowers.ForEach(lower => lower.Dispose());
        }
    }

    private static void Change(FittedTree.Node node, SafeFileHandle from, SafeFileHandle to, string subject)
    {
        node.Before = DirectoryAttributes.Of(to, subject);
        CopyUp.CopyAttributes(from, to, subject);
    }

    private static SafeFileHandle Open(string path) =>
        Sys.TryOpen(null, path, Sys.ReadDirectoryOnly, out int errno) ?? throw Failure("Opening the tree", path, errno);

    private sealed class Walk(string files, OverlayAttributes attributes, CancellationToken cancellationToken)
    {
        private readonly Stack<Level> _levels = [];

        private sealed record Level(SafeFileHandle Directory, List<SafeFileHandle> Lowers, string Path, FittedTree.Node Node, Queue<byte[]> Children, bool HidesLowers, bool Owns);

        public void Visit(SafeFileHandle root, List<SafeFileHandle> lowers, FittedTree.Node node)
        {
            _levels.Push(new Level(root, lowers, "", node, ChildrenOf(root), HidesLowers: false, Owns: false));
            try
            {
                while (_levels.TryPeek(out Level? level))
                {
                    if (level.Children.TryDequeue(out byte[]? name))
                        Enter(level, name);
                    else
                    {
                        Close(_levels.Pop());
                        if (_levels.TryPeek(out Level? above))
                            above.Node.Close();
                    }
                }
            }
            finally
            {
                foreach (Level level in _levels)
                    Close(level);
            }
        }

        private void Enter(Level parent, byte[] name)
        {
            cancellationToken.ThrowIfCancellationRequested();
            string path = $"{parent.Path}/{Encoding.UTF8.GetString(name.AsSpan(..^1))}";
            SafeFileHandle directory = Sys.TryOpenConfined(parent.Directory, name, Sys.ReadDirectoryOnly, Confined, out int errno) ?? throw Failure("Opening", files + path, errno);
            var lowers = new List<SafeFileHandle>();
            FittedTree.Node node = parent.Node.Add(name);
            try
            {
                bool wasImplied = attributes.WasImplied(directory), hidesLowers = parent.HidesLowers || attributes.IsOpaque(directory);
                OpenLowers(parent.Lowers, name, lowers, wasImplied, path);
                // It was there before it hid anything: made on what is beneath, it would have been that directory, wherever a link leads to it.
                if (lowers.Count > 0 && wasImplied && hidesLowers)
                    throw NotItself(path, "hides what is beneath it only afterwards, and in the parent it is there");
                if (lowers.Count > 0 && attributes.IsImplied(directory))
                    Change(node, lowers[0], directory, files + path);
                _levels.Push(new Level(directory, lowers, path, node, ChildrenOf(directory), hidesLowers, Owns: true));
            }
            catch
            {
                directory.Dispose();
                lowers.ForEach(lower => lower.Dispose());
                throw;
            }
        }

        // What the overlay of the parents would merge: down to the first that hides what lies further below.
        private void OpenLowers(List<SafeFileHandle> parents, byte[] name, List<SafeFileHandle> lowers, bool wasImplied, string path)
        {
            foreach (SafeFileHandle parent in parents)
            {
                SafeFileHandle? lower = Sys.TryOpenConfined(parent, name, Sys.ReadDirectoryOnly, Confined, out int errno);
                if (lower is not null)
                {
                    lowers.Add(lower);
                    if (attributes.IsElsewhere(lower))
                    {
                        throw new ContainerdException(
                            ErrorKind.FailedPrecondition,
                            $"Putting a layer onto its parent: the parent renamed the directory '{Excerpt.Of(path)}' (redirect_dir), which only a mounted overlay resolves. Prepare on the parent and apply the layer there.")
                        { Subject = path };
                    }
                    if (attributes.IsOpaque(lower))
                        return;
                    continue;
                }
                if (errno == ENOENT)
                    continue;
                if (errno is not (ENOTDIR or ELOOP))
                    throw Failure("Opening the parent's", path, errno);
                int statusErrno = Sys.Status(parent, name, out EntryStatus status);
                if (statusErrno != 0)
                    throw Failure("Looking at the parent's", path, statusErrno);
                // A link leads an archive's entries elsewhere, a file stops them: both only an applier that sees the parent can do.
                if (wasImplied && lowers.Count == 0 && !status.IsWhiteout)
                {
                    throw NotItself(path, "describes it only then, if it does, and in the parent that is no directory");
                }
                return;
            }
        }

        private static ContainerdException NotItself(string path, string but) => new(
            ErrorKind.FailedPrecondition,
            $"Putting a layer onto its parent: the layer has entries in '{Excerpt.Of(path)}', {but}. Prepare on the parent and apply the layer there.")
        { Subject = path };

        private Queue<byte[]> ChildrenOf(SafeFileHandle directory)
        {
            var children = new Queue<byte[]>();
            DirectoryListing.Visit(directory, files, (name, type) =>
            {
                if (type == DirectoryListing.DirectoryType
                    || (type == DirectoryListing.UnknownType && Sys.Status(directory, name, out EntryStatus status) == 0 && status.IsDirectory))
                {
                    children.Enqueue(name.ToArray());
                }
            });
            return children;
        }

        private static void Close(Level level)
        {
            if (!level.Owns)
                return;
            level.Directory.Dispose();
            level.Lowers.ForEach(lower => lower.Dispose());
        }
    }
}
