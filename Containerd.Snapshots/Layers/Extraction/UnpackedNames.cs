using System.Buffers.Binary;

namespace Containerd.Snapshots;

/// <summary>The names that a layer has put into each directory: a whiteout of the same layer leaves them alone, wherever it stands in the archive .</summary>
/// <remarks>
/// A hash table with open addressing whose slots say where a name lies; names lie end to end in large chunks, each behind its directory and length. So an entry costs its name
/// and about twenty bytes. Names are hostile: the hash has a seed of the process.
/// </remarks>
internal sealed class UnpackedNames
{
    private const int ChunkLength = 64 << 10;
    private const int HeaderLength = 5; // directory, length of the name
    private const int MinSlots = 256;
    private const int MaxChunks = int.MaxValue / ChunkLength; // what a slot can say

    private readonly List<byte[]> _chunks = [];
    private int[] _slots = new int[MinSlots]; // a place and one, since zero is an empty slot
    private int _count;
    private int _used = ChunkLength;

    public void Add(int directory, ReadOnlySpan<byte> name)
    {
        ref int slot = ref SlotOf(directory, name);
        if (slot != 0)
            return;
        slot = Store(directory, name);
        // Some slots stay empty, so that a search is short.
        if (++_count > _slots.Length / 4 * 3)
            Grow();
    }

    public bool Contains(int directory, ReadOnlySpan<byte> name) => SlotOf(directory, name) != 0;

    private ref int SlotOf(int directory, ReadOnlySpan<byte> name)
    {
        int mask = _slots.Length - 1;
        for (int at = Hash(directory, name) & mask; ; at = (at + 1) & mask)
        {
            ref int slot = ref _slots[at];
            if (slot == 0)
                return ref slot;
            Read(slot, out int foundDirectory, out ReadOnlySpan<byte> foundName);
            if (foundDirectory == directory && foundName.SequenceEqual(name))
                return ref slot;
        }
    }

    private int Store(int directory, ReadOnlySpan<byte> name)
    {
        if (_used + HeaderLength + name.Length > ChunkLength)
        {
            if (_chunks.Count == MaxChunks)
                throw new ContainerdException(ErrorKind.ResourceExhausted, "Cannot apply the layer: the names in it come to 2 GiB. Lower the limit of entries, or split the layer.");
            _chunks.Add(new byte[ChunkLength]);
            _used = 0;
        }
        Span<byte> record = _chunks[^1].AsSpan(_used);
        BinaryPrimitives.WriteInt32LittleEndian(record, directory);
        record[4] = checked((byte)name.Length); // never longer, by LayerPath
        name.CopyTo(record[HeaderLength..]);
        int place = (_chunks.Count - 1) * ChunkLength + _used + 1;
        _used += HeaderLength + name.Length;
        return place;
    }

    private void Read(int slot, out int directory, out ReadOnlySpan<byte> name)
    {
        ReadOnlySpan<byte> record = _chunks[(slot - 1) / ChunkLength].AsSpan((slot - 1) % ChunkLength);
        directory = BinaryPrimitives.ReadInt32LittleEndian(record);
        name = record.Slice(HeaderLength, record[4]);
    }

    private void Grow()
    {
        int[] old = _slots;
        _slots = new int[old.Length * 2];
        foreach (int slot in old)
        {
            if (slot == 0)
                continue;
            Read(slot, out int directory, out ReadOnlySpan<byte> name);
            SlotOf(directory, name) = slot;
        }
    }

    private static int Hash(int directory, ReadOnlySpan<byte> name)
    {
        HashCode hash = default;
        hash.Add(directory);
        hash.AddBytes(name);
        return hash.ToHashCode();
    }
}
