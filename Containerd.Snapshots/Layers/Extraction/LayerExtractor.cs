using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>Puts the entries of an archive into a tree (A-1 … A-11).</summary>
internal sealed class LayerExtractor
{
    private const int Fifo = 0x1000, CharacterDevice = 0x2000, BlockDevice = 0x6000; // linux/stat.h
    private const int MaxRaces = 64;

    private readonly LayerTree _tree;
    private readonly TarReader _reader;
    private readonly LayerLimits _limits;
    private readonly ILogger _logger;
    private readonly EntryMetadata _metadata;
    private readonly UnpackedNames _unpacked = new();
    private readonly TreeRemover _remover;
    private readonly WhiteoutWriter _whiteouts;
    private readonly LayerPath _path;
    private readonly LayerPath _target;
    private readonly CancellationToken _cancellationToken;
    private FileContent? _content;
    private bool _linksToBase, _deviceReported;

    public LayerExtractor(LayerTree tree, TarReader reader, TarLayerApplierOptions options, ILogger logger, CancellationToken cancellationToken)
    {
        _tree = tree;
        _reader = reader;
        _limits = options.Limits;
        _logger = logger;
        _cancellationToken = cancellationToken;
        _metadata = new EntryMetadata(options.ApplySecurityLabels, logger);
        _remover = new TreeRemover(tree, _unpacked, cancellationToken);
        _whiteouts = new WhiteoutWriter(tree, _remover);
        _path = new LayerPath(options.Limits);
        _target = new LayerPath(options.Limits);
    }

    /// <summary>Whether the result would be another over other layers.</summary>
    public bool DependsOnBase => _linksToBase || _whiteouts.DependsOnBase || _tree.Directories.DependsOnBase || _tree.Directories.HasUndescribed;

    public async Task ExtractAsync()
    {
        while (await _reader.ReadEntryAsync(_cancellationToken).ConfigureAwait(false) is { } entry)
        {
            _cancellationToken.ThrowIfCancellationRequested();
            HoldToEntries();
            _path.Set(entry.Name);
            if (_path.IsRoot)
                continue;
            if (entry.Type != TarEntryType.RegularFile)
            {
                Place(entry);
                continue;
            }
            if (Create(entry) is not { } file)
                continue;
            using (file)
            {
                await WriteAsync(file, entry).ConfigureAwait(false);
                _metadata.ApplyToFile(file, entry);
            }
        }
        HoldToEntries();
        SetDirectoryTimes();
    }

    // A long path makes a directory for every two bytes of it: those count like entries.
    private void HoldToEntries()
    {
        if (_reader.Entries + _tree.ImpliedDirectories > _limits.MaxEntries)
            throw ExpansionGuard.Exceeded(nameof(LayerLimits.MaxEntries), _limits.MaxEntries, $"it has more than {_limits.MaxEntries} entries with the directories that they imply");
    }

    // Null for a whiteout, which has no file.
    private SafeFileHandle? Create(TarEntry entry)
    {
        TreeDirectory parent = _tree.Open(_path.Parent);
        if (IsWhiteout(parent, entry))
            return null;
        for (int race = 0; race < MaxRaces; race++)
        {
            Interop.FileResult result = Interop.Files.CreateFile(parent.Handle, _path.Leaf, entry.Mode, out SafeFileHandle file);
            if (result.Ok)
            {
                Note(parent);
                if (parent.Record.HasDefaultAcl == true)
                    AccessControl.RemoveInherited(file, ArchiveText.Safe(entry.Name));
                return file;
            }
            MakeRoom(result, parent, "create", entry);
        }
        throw KeepsChanging(entry);
    }

    private void Place(TarEntry entry)
    {
        TreeDirectory parent = _tree.Open(_path.Parent);
        if (entry.Type != TarEntryType.Directory && IsWhiteout(parent, entry))
            return;
        switch (entry.Type)
        {
            case TarEntryType.Directory:
                MakeDirectory(parent, entry);
                break;
            case TarEntryType.SymbolicLink:
                MakeSymbolicLink(parent, entry);
                break;
            case TarEntryType.HardLink:
                MakeHardLink(parent, entry);
                break;
            case TarEntryType.CharacterDevice when entry is { DeviceMajor: 0, DeviceMinor: 0 }:
                _whiteouts.Remove(parent, _path.Leaf, entry); // what such a device means to every overlay
                break;
            case TarEntryType.CharacterDevice:
                MakeNode(parent, CharacterDevice, entry);
                break;
            case TarEntryType.BlockDevice:
                MakeNode(parent, BlockDevice, entry);
                break;
            default:
                MakeNode(parent, Fifo, entry);
                break;
        }
    }

    private bool IsWhiteout(TreeDirectory parent, TarEntry entry)
    {
        if (!_path.Leaf.StartsWith(WhiteoutWriter.Prefix))
            return false;
        _whiteouts.Apply(parent, _path.Leaf, entry);
        return true;
    }

    private void MakeDirectory(TreeDirectory parent, TarEntry entry)
    {
        bool replaced = false;
        for (int race = 0; race < MaxRaces; race++)
        {
            Interop.FileResult made = Interop.Files.MakeDirectory(parent.Handle, _path.Leaf);
            if (made.Exists)
            {
                // Directories merge; anything else, a link to a directory too, gives way.
                if (Interop.Files.Status(parent.Handle, _path.Leaf, out Interop.FileStatus existing) is { Ok: true } && !existing.IsDirectory)
                {
                    MakeRoom(made, parent, "make", entry);
                    replaced = true;
                    continue;
                }
            }
            else
                Check(made, "make the directory", entry);
            Interop.FileResult opened = Interop.Files.OpenDirectory(parent.Handle, _path.Leaf, out SafeFileHandle handle);
            using (handle)
            {
                if (opened.Missing || opened.NotDirectory)
                    continue;
                Check(opened, "open the directory", entry);
                // What stood here hid a directory of the lower layers, which must stay hidden.
                if (replaced && made.Ok && _tree.IsOverlay)
                    Check(_tree.Attributes.MakeOpaque(handle), "mark as opaque", entry);
                if (made.Exists || parent.Record.HasDefaultAcl == true)
                    _metadata.RemoveStaleXattrs(handle, entry);
                if (made.Exists && _tree.IsOverlay && _tree.Attributes.IsImplied(handle))
                    Check(_tree.Attributes.MarkDescribed(handle), "describe", entry);
                Check(Interop.Files.Status(handle, out Interop.FileStatus status), "look at", entry);
                _metadata.Apply(handle, status, entry);
                DirectoryRecord record = _tree.Directories.Describe(status, _path, parent.Record);
                record.HasDefaultAcl = entry.HasXattrs && AccessControl.IsGivenBy(handle);
                record.AccessTime = EntryMetadata.AccessTime(entry);
                record.ModifyTime = EntryMetadata.ModifyTime(entry);
            }
            Note(parent);
            return;
        }
        throw KeepsChanging(entry);
    }

    private void MakeSymbolicLink(TreeDirectory parent, TarEntry entry)
    {
        if (entry.LinkName.IsEmpty)
            throw TarError.Invalid("it is a symbolic link to nothing", entry.Name);
        for (int race = 0; race < MaxRaces; race++)
        {
            Interop.FileResult result = Interop.Files.MakeSymbolicLink(entry.LinkName, parent.Handle, _path.Leaf);
            if (result.Ok)
            {
                _metadata.ApplyToLink(parent.Handle, _path.Leaf, entry);
                Note(parent);
                return;
            }
            MakeRoom(result, parent, "make the symbolic link", entry);
        }
        throw KeepsChanging(entry);
    }

    private void MakeNode(TreeDirectory parent, int type, TarEntry entry)
    {
        for (int race = 0; race < MaxRaces; race++)
        {
            Interop.FileResult result = Interop.Files.MakeNode(parent.Handle, _path.Leaf, type, entry.DeviceMajor, entry.DeviceMinor);
            if (result.Ok)
            {
                _metadata.ApplyToNode(parent.Handle, _path.Leaf, type, entry, parent.Record.HasDefaultAcl == true);
                Note(parent);
                return;
            }
            if (result.NotPermitted && type != Fifo && UserNamespace.IsInside)
            {
                if (!_deviceReported)
                    LayerApplierLog.DeviceSkipped(_logger, ArchiveText.Safe(entry.Name));
                _deviceReported = true;
                return;
            }
            MakeRoom(result, parent, "make the special file", entry);
        }
        throw KeepsChanging(entry);
    }

    private void MakeHardLink(TreeDirectory parent, TarEntry entry)
    {
        _target.Set(entry.LinkName);
        if (_target.IsRoot)
            throw TarError.Invalid("it is a hard link to nothing", entry.Name);
        // What it replaces goes before it is made.
        if (_target.Full.StartsWith(_path.Full) && _target.Full[_path.Full.Length..].StartsWith("/"u8))
            throw TarError.Invalid("it is a hard link to something in its own place", entry.Name);
        for (int race = 0; race < MaxRaces; race++)
        {
            // Opened anew each time: what was in the way may have been on the way to it.
            using SafeFileHandle source = OpenTarget(entry);
            Check(Interop.Files.Status(source, _target.Leaf, out Interop.FileStatus status), "look at the hard link's target of", entry);
            if (status.IsDirectory)
                throw TarError.Invalid("it is a hard link to a directory", entry.Name);
            Interop.FileResult result = Interop.Files.MakeLink(source, _target.Leaf, parent.Handle, _path.Leaf);
            bool same = result.Exists
                && Interop.Files.Status(parent.Handle, _path.Leaf, out Interop.FileStatus existing).Ok
                && existing.Inode == status.Inode && existing.Device == status.Device;
            if (result.Ok || same)
            {
                _metadata.ApplyToHardLink(parent.Handle, _path.Leaf, status, entry);
                Note(parent);
                return;
            }
            if (!result.Missing)
                MakeRoom(result, parent, "make the hard link", entry);
        }
        throw KeepsChanging(entry);
    }

    // The directory of a hard link's target, resolved inside the root, with the target in it: brought up from a lower layer where it is only there.
    private SafeFileHandle OpenTarget(TarEntry entry)
    {
        // What is not in the upper layer may lead there: a link of a lower one does.
        SafeFileHandle? directory = _tree.Find(_target.Parent) ?? (_tree.IsOverlay ? _tree.OpenMerged(_target.Parent).Detach() : null);
        if (directory is not null)
        {
            Interop.FileResult found = Interop.Files.Status(directory, _target.Leaf, out Interop.FileStatus target);
            if (found.Ok && !(_tree.IsOverlay && target.IsWhiteout))
            {
                Interop.FileResult looked = Interop.Files.Status(directory, out Interop.FileStatus status);
                if (!looked.Ok)
                    directory.Dispose();
                Check(looked, "look at", entry);
                _linksToBase |= _tree.Directories.Find(status) is not { } record || !_unpacked.Contains(record.Id, _target.Leaf);
                return directory;
            }
            directory.Dispose();
            if (found.Ok || !found.Missing)
                throw TarError.Invalid("it is a hard link to something that is not there", entry.Name);
        }
        if (_tree.IsOverlay)
        {
            using MergedDirectory merged = _tree.OpenMerged(_target.Parent);
            if (CopyUp.CopyFile(merged, _target.Leaf, _tree.Attributes, _content ??= new FileContent(new CopyTotals(null), _cancellationToken)))
            {
                _linksToBase = true;
                Check(Interop.Files.OpenPathDirectory(merged.Handle, "."u8, out SafeFileHandle handle), "open the target's directory of", entry);
                return handle;
            }
        }
        throw TarError.Invalid("it is a hard link to something that is not there", entry.Name);
    }

    private void Note(TreeDirectory parent)
    {
        _unpacked.Add(parent.Record.Id, _path.Leaf);
        _tree.Hide(parent.Record, _path.Leaf);
    }

    // The parent stays what it was, also where what is removed was a link on the way to it: else nothing would come to stand where something was removed.
    private void MakeRoom(Interop.FileResult result, TreeDirectory parent, string operation, TarEntry entry)
    {
        if (!result.Exists)
            throw result.ToException(operation, ArchiveText.Safe(entry.Name));
        _cancellationToken.ThrowIfCancellationRequested();
        _remover.Remove(parent.Handle, _path.Leaf);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteAsync(SafeFileHandle file, TarEntry entry)
    {
        if (entry.Sparse is not { } sparse)
        {
            await WriteAsync(file, 0, entry.StoredSize, entry).ConfigureAwait(false);
            return;
        }
        foreach ((long offset, long length) in sparse.Pieces)
            await WriteAsync(file, offset, length, entry).ConfigureAwait(false);
        Check(Interop.Files.SetLength(file, sparse.RealSize), "set the size of", entry);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteAsync(SafeFileHandle file, long offset, long length, TarEntry entry)
    {
        while (length > 0 && await _reader.FillAsync(_cancellationToken).ConfigureAwait(false))
        {
            _cancellationToken.ThrowIfCancellationRequested();
            ReadOnlySpan<byte> data = _reader.Data[..(int)Math.Min(_reader.Data.Length, length)];
            Check(Interop.Files.Write(file, data, offset), "write", entry);
            _reader.Advance(data.Length);
            offset += data.Length;
            length -= data.Length;
        }
    }

    // Last of all, as every entry made in a directory changed them; those of a directory that no entry describes are put back.
    private void SetDirectoryTimes()
    {
        foreach (DirectoryRecord record in _tree.Directories.Records)
        {
            _cancellationToken.ThrowIfCancellationRequested();
            using SafeFileHandle? handle = FindAgain(record.Path);
            if (handle is null
                || !Interop.Files.Status(handle, out Interop.FileStatus status).Ok
                || status.Inode != record.Inode || status.Device != record.Device)
            {
                continue; // another process moved it away
            }
            Interop.FileResult result = Interop.Files.SetTimes(handle, "."u8, record.AccessTime, record.ModifyTime);
            if (!result.Ok)
                throw result.ToException("set the times of", ArchiveText.Safe(record.Path));
        }
    }

    private SafeFileHandle? FindAgain(ReadOnlySpan<byte> path)
    {
        try
        {
            return _tree.Find(path);
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.InvalidArgument)
        {
            return null; // something else is on the way now
        }
    }

    private static ContainerdException KeepsChanging(TarEntry entry)
    {
        string safe = ArchiveText.Safe(entry.Name);
        return new ContainerdException(ErrorKind.Unavailable, $"Cannot apply the layer's entry '{safe}': another process keeps changing the tree.") { Subject = safe };
    }

    private static void Check(Interop.FileResult result, string operation, TarEntry entry)
    {
        if (!result.Ok)
            throw result.ToException(operation, ArchiveText.Safe(entry.Name));
    }
}
