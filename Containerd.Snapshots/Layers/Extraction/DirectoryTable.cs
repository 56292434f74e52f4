namespace Containerd.Snapshots;

/// <summary>The directories of the tree that a layer touches, by identity: two paths to one directory are one directory.</summary>
/// <param name="limits">What their paths may take together.</param>
internal sealed class DirectoryTable(LayerLimits limits)
{
    private readonly Dictionary<(ulong Device, ulong Inode), DirectoryRecord> _records = [];
    private readonly HashSet<(ulong Device, ulong Inode)> _cleared = [];
    private int _next;
    private long _pathBytes;

    /// <summary>All records whose directory still is there, oldest first.</summary>
    public IEnumerable<DirectoryRecord> Records => _records.Values.OrderBy(record => record.Id);

    /// <summary>
    /// Whether anything but the layer itself decided what the tree looks like: a directory that no entry described when it was needed, where a link beneath would have led
    /// elsewhere, or one reached by two paths.
    /// </summary>
    public bool DependsOnBase { get; private set; }

    public bool HasUndescribed => _records.Values.Any(record => !record.Described);

    /// <summary>The record of a directory that is used as a parent, or described.</summary>
    /// <param name="status">The directory.</param>
    /// <param name="path">Its path in the archive.</param>
    /// <param name="real">The path on which no link is followed.</param>
    public DirectoryRecord Meet(in Interop.FileStatus status, ReadOnlySpan<byte> path, ReadOnlySpan<byte> real)
    {
        if (_records.TryGetValue((status.Device, status.Inode), out DirectoryRecord? record))
        {
            DependsOnBase |= !path.SequenceEqual(record.Path);
            return record;
        }
        DependsOnBase |= !path.SequenceEqual(real);
        Count(real.Length);
        record = new DirectoryRecord
        {
            Id = _next++,
            Device = status.Device,
            Inode = status.Inode,
            Path = real.ToArray(),
            AccessTime = status.AccessTime,
            ModifyTime = status.ModifyTime,
        };
        _records.Add((status.Device, status.Inode), record);
        return record;
    }

    /// <summary>The record of a directory that an entry describes.</summary>
    /// <param name="status">The directory.</param>
    /// <param name="path">Its path in the archive.</param>
    /// <param name="parent">The directory it is in.</param>
    public DirectoryRecord Describe(in Interop.FileStatus status, LayerPath path, DirectoryRecord parent)
    {
        DependsOnBase |= Find(status) is { Described: false };
        ReadOnlySpan<byte> real = path.Parent.SequenceEqual(parent.Path) ? path.Full : [.. parent.Path, .. parent.Path.Length > 0 ? "/"u8 : default, .. path.Leaf];
        DirectoryRecord record = Meet(status, path.Full, real);
        record.Described = true;
        return record;
    }

    /// <summary>The record of a directory, if the layer touched it.</summary>
    public DirectoryRecord? Find(in Interop.FileStatus status) => _records.GetValueOrDefault((status.Device, status.Inode));

    /// <summary>
    /// Says that nothing is in a directory, or beneath, but what this layer itself puts there. Whiteouts have nothing to do there any more, however many there are, but to remove
    /// the directory itself where it is empty.
    /// </summary>
    public void MarkCleared(ulong device, ulong inode) => _cleared.Add((device, inode));

    public bool IsCleared(ulong device, ulong inode) => _cleared.Contains((device, inode));

    /// <summary>Forgets a directory that is removed: a new one may get its number.</summary>
    public void Forget(in Interop.FileStatus status)
    {
        _cleared.Remove((status.Device, status.Inode));
        if (!_records.Remove((status.Device, status.Inode), out DirectoryRecord? record))
            return;
        DependsOnBase |= !record.Described;
        Count(-record.Path.Length);
    }

    private void Count(int pathBytes)
    {
        _pathBytes += pathBytes;
        if (_pathBytes > limits.MaxDirectoryPathBytes)
        {
            throw ExpansionGuard.Exceeded(
                nameof(LayerLimits.MaxDirectoryPathBytes), limits.MaxDirectoryPathBytes, $"the paths of its directories have more than {limits.MaxDirectoryPathBytes} bytes together");
        }
    }
}
