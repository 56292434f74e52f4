using System.Diagnostics.CodeAnalysis;

namespace Containerd.Snapshots;

/// <summary>The names that a layer has put into each directory: a whiteout of the same layer leaves them alone, wherever it stands in the archive .</summary>
/// <remarks>Names lie end to end in large chunks, so that an entry costs its name and about thirty bytes.</remarks>
internal sealed class UnpackedNames
{
    private const int ChunkLength = 64 << 10;

    private readonly List<byte[]> _chunks = [];
    private readonly HashSet<Key> _names;
    private readonly HashSet<Key>.AlternateLookup<Probe> _lookup;
    private int _used = ChunkLength;

    public UnpackedNames()
    {
        _names = new HashSet<Key>(new Comparer(this));
        _lookup = _names.GetAlternateLookup<Probe>();
    }

    public void Add(int directory, ReadOnlySpan<byte> name) => _lookup.Add(new Probe(directory, name));

    public bool Contains(int directory, ReadOnlySpan<byte> name) => _lookup.Contains(new Probe(directory, name));

    private ReadOnlySpan<byte> NameOf(Key key) => _chunks[key.Chunk].AsSpan(key.Offset, key.Length);

    private Key Store(Probe probe)
    {
        if (_used + probe.Name.Length > ChunkLength)
        {
            _chunks.Add(new byte[ChunkLength]);
            _used = 0;
        }
        var key = new Key(probe.Directory, _chunks.Count - 1, (ushort)_used, (byte)probe.Name.Length);
        probe.Name.CopyTo(_chunks[^1].AsSpan(_used));
        _used += probe.Name.Length;
        return key;
    }

    private readonly record struct Key(int Directory, int Chunk, ushort Offset, byte Length);

    private readonly ref struct Probe(int directory, ReadOnlySpan<byte> name)
    {
        public int Directory { get; } = directory;

        public ReadOnlySpan<byte> Name { get; } = name;
    }

    private sealed class Comparer(UnpackedNames names) : IEqualityComparer<Key>, IAlternateEqualityComparer<Probe, Key>
    {
        public bool Equals(Key x, Key y) => x == y;

        public int GetHashCode([DisallowNull] Key obj) => GetHashCode(new Probe(obj.Directory, names.NameOf(obj)));

        public bool Equals(Probe alternate, Key other) => alternate.Directory == other.Directory && alternate.Name.SequenceEqual(names.NameOf(other));

        public int GetHashCode(Probe alternate)
        {
            HashCode hash = default;
            hash.Add(alternate.Directory);
            hash.AddBytes(alternate.Name);
            return hash.ToHashCode();
        }

        public Key Create(Probe alternate) => names.Store(alternate);
    }
}
