namespace Containerd.Snapshots;

/// <summary>The open parent directories used last, by path: entries come directory by directory, so a path is resolved once and not per entry.</summary>
internal sealed class DirectoryCache : IDisposable
{
    private const int Capacity = 128;

    private readonly Dictionary<byte[], Entry> _entries = new(ByteSequenceComparer.Instance);
    private readonly Dictionary<byte[], Entry>.AlternateLookup<ReadOnlySpan<byte>> _lookup;
    private Entry? _last;
    private long _clock;

    public DirectoryCache() => _lookup = _entries.GetAlternateLookup<ReadOnlySpan<byte>>();

    public bool TryGet(ReadOnlySpan<byte> path, out TreeDirectory directory)
    {
        if (_last is null || !path.SequenceEqual(_last.Path))
        {
            if (!_lookup.TryGetValue(path, out _last))
            {
                directory = default;
                return false;
            }
        }
        _last.LastUse = ++_clock;
        directory = _last.Directory;
        return true;
    }

    /// <summary>Takes over a directory's handle.</summary>
    public void Add(ReadOnlySpan<byte> path, TreeDirectory directory)
    {
        if (_entries.Count == Capacity)
        {
            Entry oldest = _entries.Values.MinBy(entry => entry.LastUse)!;
            _entries.Remove(oldest.Path);
            oldest.Directory.Handle.Dispose();
        }
        _last = new Entry(path.ToArray(), directory) { LastUse = ++_clock };
        _entries.Add(_last.Path, _last);
    }

    /// <summary>Forgets every path: something that a path may lead through was removed or replaced.</summary>
    public void Clear()
    {
        foreach (Entry entry in _entries.Values)
            entry.Directory.Handle.Dispose();
        _entries.Clear();
        _last = null;
    }

    public void Dispose() => Clear();

    private sealed class Entry(byte[] path, TreeDirectory directory)
    {
        public byte[] Path => path;

        public TreeDirectory Directory => directory;

        public long LastUse { get; set; }
    }
}
