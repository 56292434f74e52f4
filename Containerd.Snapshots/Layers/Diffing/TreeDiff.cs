using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Walks two trees side by side, in the order of names' bytes, and writes what differs .</summary>
/// <remarks>Memory is that of the names in the directories from the root to where the walk is, and of the files with several names.</remarks>
internal sealed class TreeDiff : IDisposable
{
    private readonly LayerWriter _layer;
    private readonly ILogger _logger;
    private readonly CancellationToken _cancellationToken;
    private readonly EntryComparison _comparison;
    private readonly LinkGroups _links = new();
    private readonly List<DiffLevel> _levels = [];
    private readonly TreePath _path = new();
    private readonly XattrSet _xattrs = new();
    private bool _socketReported;

    public TreeDiff(LayerWriter layer, ILogger logger, CancellationToken cancellationToken)
    {
        _layer = layer;
        _logger = logger;
        _cancellationToken = cancellationToken;
        _comparison = new EntryComparison(cancellationToken);
    }

    public async Task WriteAsync(DiffSources sources)
    {
        SafeFileHandle root = MountStack.Open(Sys.PathOf(sources.Upper)); // the level closes its own
        _levels.Add(new DiffLevel(new DiffDirectory(null, sources.UpperTree, sources.Upper, default) { IsWritten = true }, root, sources.Lower, _path));
        while (_levels.Count > 0)
        {
            _cancellationToken.ThrowIfCancellationRequested();
            DiffLevel level = _levels[^1];
            if (level.TryTake(out ReadOnlyMemory<byte> name, out bool isInUpper))
                await VisitAsync(level, name, isInUpper).ConfigureAwait(false);
            else
                Leave();
        }
    }

    public void Dispose() => _levels.ForEach(level => level.Dispose());

    private void Leave()
    {
        _levels[^1].Dispose();
        _levels.RemoveAt(_levels.Count - 1);
    }

    private ValueTask VisitAsync(DiffLevel level, ReadOnlyMemory<byte> name, bool isInUpper)
    {
        _path.Set(level.PathLength, name.Span[..^1]);
        EntryStatus before = default;
        SafeFileHandle? directory = null;
        bool isInLower = level.Lower?.TryFind(name.Span, _path, out before, out directory) ?? false;
        if (!isInUpper)
            return isInLower ? WriteWhiteoutAsync() : ValueTask.CompletedTask;

        EntryStatus after = ComparedTree.StatusOf(level.Upper, name.Span, _path);
        bool isSocket = ComparedEntry.IsSocket(after);
        if (isSocket && !_socketReported)
        {
            _socketReported = true;
            LayerDifferLog.SocketLeftOut(_logger, ArchiveText.Safe(_path.Span));
        }
        if (isSocket || IsWhiteout(level, name.Span, after))
            return isInLower && !(isSocket && ComparedEntry.IsSocket(before)) ? WriteWhiteoutAsync() : ValueTask.CompletedTask;
        if (after.IsDirectory)
        {
            Enter(level, name.Span, after, isInLower && before.IsDirectory, before, directory);
            return _layer.FlushAsync();
        }
        FileIdentity file = after.Links > 1 ? IdentityOf(level, _path, after) : default;
        byte[]? first = after.Links > 1 ? _links.FindWritten(file) : null;
        if (isInLower && IsUnchanged(level, name.Span, after, file, before, directory!))
        {
            if (after.Links > 1 && first is null)
                Remember(level, file);
            if (first is null)
                return ValueTask.CompletedTask;
        }
        WriteParents();
        if (first is not null)
            _layer.WriteLink(_path.Span, first, after);
        else if (after.IsRegular)
            return WriteFileAsync(level, name, after, file);
        else
            WriteSpecial(level, name.Span, after, file);
        return _layer.FlushAsync();
    }

    private bool IsWhiteout(DiffLevel level, ReadOnlySpan<byte> name, in EntryStatus after)
    {
        if (!level.HoldsChangesOnly)
            return false;
        if (after.IsWhiteout)
            return true;
        if (!level.HasMarkedWhiteouts || !after.IsRegular || after.Size > 0)
            return false;
        using SafeFileHandle file = EntryOf(level, name, after).OpenPath();
        return level.Node.Tree.Marks!.IsMarkedWhiteout(file);
    }

    private ValueTask WriteWhiteoutAsync()
    {
        WriteParents();
        _layer.WriteWhiteout(_path.Span);
        return _layer.FlushAsync();
    }

    private void Enter(DiffLevel level, ReadOnlySpan<byte> name, in EntryStatus after, bool wasDirectory, in EntryStatus before, SafeFileHandle? lowerParent)
    {
        ComparedTree tree = level.Node.Tree;
        SafeFileHandle upper = tree.OpenDirectory(level.Upper, name, _path);
        LowerDirectory? lower = null;
        try
        {
            CheckUnchanged(upper, after);
            OverlayAttributes? marks = tree.Marks;
            bool isChanged = true, isOpaque = marks?.IsOpaque(upper) ?? false;
            var node = new DiffDirectory(level.Node, tree, level.Node.Root, after);
            if (wasDirectory)
            {
                if (marks?.IsImplied(upper) ?? false)
                    TakeAfter(node, level.Lower!, name, before, lowerParent!);
                isChanged = node.Xattrs is null
                    && !_comparison.IsSame(EntryOf(level, name, after), new ComparedEntry(level.Lower!.Tree, lowerParent!, name, _path, before));
                lower = isOpaque ? null : level.Lower!.Enter(name, _path);
            }
            if (marks?.IsElsewhere(upper) ?? false)
            {
                // Renamed by redirect_dir: what it merges with lies elsewhere. From here on the whole of it is compared, as the kernel shows it.
                upper.Dispose();
                tree = ComparedTree.Mounted();
                upper = tree.OpenDirectory(node.Tree.View!.Root, _path.Terminated, _path);
                node = new DiffDirectory(level.Node, tree, level.Node.Tree.View!.Root, StatusOf(upper));
            }
            _levels.Add(new DiffLevel(node, upper, lower, _path));
            CheckUnchanged(upper, node.Found); // so that no name is missing because of a change while it was listed
            if (isChanged || (isOpaque && wasDirectory))
                WriteParents();
            if (isOpaque && wasDirectory)
                _layer.WriteOpaque(_path.Span);
        }
        catch
        {
            if (_levels[^1].Upper != upper)
            {
                upper.Dispose();
                lower?.Dispose();
            }
            throw;
        }
    }

    // No entry of the layer described it when it was made: it is whatever was there before.
    private void TakeAfter(DiffDirectory node, LowerDirectory lower, ReadOnlySpan<byte> name, in EntryStatus before, SafeFileHandle lowerParent)
    {
        node.Described = before;
        node.Xattrs = new XattrSet();
        new ComparedEntry(lower.Tree, lowerParent, name, _path, before).ReadXattrs(node.Xattrs);
    }

    private bool IsUnchanged(DiffLevel level, ReadOnlySpan<byte> name, in EntryStatus after, FileIdentity file, in EntryStatus before, SafeFileHandle lowerParent)
    {
        ComparedEntry upper = EntryOf(level, name, after);
        if (level.HoldsChangesOnly && after.Links > 1)
            CheckNotIndexed(upper, level.Node.Tree.Marks!);
        // A copy in the upper directory is no longer the file whose other names are further down.
        if (level.HoldsChangesOnly && before.Links > 1)
            return false;
        return _comparison.IsSame(upper, new ComparedEntry(level.Lower!.Tree, lowerParent, name, _path, before))
            && ((after.Links == 1 && before.Links == 1) || _links.Keeps(ComparedEntry.IdentityOf(before), file));
    }

    private static void CheckNotIndexed(ComparedEntry entry, OverlayAttributes marks)
    {
        using SafeFileHandle file = entry.OpenPath();
        if (marks.HasIndexedLinks(file))
            throw DiffFailure.IndexedLinks(entry.Path.Span);
    }

    // What a mounted view shows under other numbers is, as far as it is there, the same file of the upper directory that has its other names.
    private static FileIdentity IdentityOf(DiffLevel level, TreePath path, in EntryStatus after)
    {
        for (DiffDirectory? node = level.Node; node is not null; node = node.Parent)
        {
            if (node.Tree.Marks is null)
                continue;
            if (node != level.Node && node.Tree.TryFindPath(node.Root, path, out EntryStatus found) && !found.IsWhiteout)
                return ComparedEntry.IdentityOf(found);
            break;
        }
        return ComparedEntry.IdentityOf(after);
    }

    private void Remember(DiffLevel level, FileIdentity file)
    {
        for (int i = _levels.Count - 1; i > 0 && _levels[i].Node.TerminatedPath is null; i--)
            _levels[i].Node.TerminatedPath = [.. _path.Span[.._levels[i].PathLength], 0];
        _links.Remember(file, new LinkGroups.Peer(level.Node, _path.Span.ToArray()));
    }

    private async ValueTask WriteFileAsync(DiffLevel level, ReadOnlyMemory<byte> name, EntryStatus after, FileIdentity identity)
    {
        using SafeFileHandle file = EntryOf(level, name.Span, after).OpenFile();
        await _layer.WriteFileAsync(_path, file, _xattrs).ConfigureAwait(false);
        WritePeers(after, identity);
        await _layer.FlushAsync().ConfigureAwait(false);
    }

    private void WriteSpecial(DiffLevel level, ReadOnlySpan<byte> name, in EntryStatus after, FileIdentity identity)
    {
        _layer.WriteSpecial(EntryOf(level, name, after), _xattrs);
        WritePeers(after, identity);
    }

    private void WritePeers(in EntryStatus after, FileIdentity identity)
    {
        if (after.Links == 1)
            return;
        foreach (LinkGroups.Peer peer in _links.MarkWritten(identity, _path.Span))
        {
            WriteDirectory(peer.Directory);
            _layer.WriteLink(peer.Path, _path.Span, after);
        }
    }

    // The directories on the way to what is written now, from the root down, each once.
    private void WriteParents()
    {
        if (_levels[^1].Node.IsWritten)
            return;
        foreach (DiffLevel level in _levels)
        {
            if (!level.Node.IsWritten)
                WriteDirectory(level.Node, level.Upper, _path.Span[..level.PathLength]);
        }
    }

    // One that the walk may have left.
    private void WriteDirectory(DiffDirectory node)
    {
        if (node.IsWritten)
            return;
        WriteDirectory(node.Parent!);
        var path = new TreePath();
        path.Set(0, node.TerminatedPath.AsSpan()[..^1]);
        using SafeFileHandle directory = node.Tree.OpenDirectory(node.Root, node.TerminatedPath, path);
        EntryStatus found = StatusOf(directory);
        if (found.Inode != node.Found.Inode || found.Device != node.Found.Device)
            throw DiffFailure.Changed(path.Span);
        WriteDirectory(node, directory, path.Span);
    }

    private void WriteDirectory(DiffDirectory node, SafeFileHandle directory, ReadOnlySpan<byte> path)
    {
        if (node.Xattrs is null)
            ComparedEntry.ReadXattrs(_xattrs, directory, path);
        _layer.WriteDirectory(path, node.Described, node.Xattrs ?? _xattrs);
        node.IsWritten = true;
    }

    private void CheckUnchanged(SafeFileHandle directory, in EntryStatus expected)
    {
        EntryStatus found = StatusOf(directory);
        if (found.Inode != expected.Inode || found.Device != expected.Device
            || found.ModifiedSeconds != expected.ModifiedSeconds || found.ModifiedNanoseconds != expected.ModifiedNanoseconds)
        {
            throw DiffFailure.Changed(_path.Span);
        }
    }

    private EntryStatus StatusOf(SafeFileHandle directory)
    {
        int errno = Sys.Status(directory, "\0"u8, out EntryStatus status);
        return errno == 0 ? status : throw DiffFailure.OfCall("look at", _path.Span, errno);
    }

    private ComparedEntry EntryOf(DiffLevel level, ReadOnlySpan<byte> name, in EntryStatus status) => new(level.Node.Tree, level.Upper, name, _path, status);
}
