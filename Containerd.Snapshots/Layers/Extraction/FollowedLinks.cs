using System.Buffers.Binary;

namespace Containerd.Snapshots;

/// <summary>
/// The symbolic links of lower layers that paths were found to lead through. Nothing is removed when something is made under the name of one: the link is hidden, and those paths lead
/// elsewhere.
/// </summary>
internal sealed class FollowedLinks
{
    private const int IdentityLength = 16;
    private const int MaxNameLength = 255; // linux/limits.h NAME_MAX

    private readonly HashSet<byte[]> _links = new(ByteSequenceComparer.Instance);
    private readonly HashSet<byte[]>.AlternateLookup<ReadOnlySpan<byte>> _lookup;

    public FollowedLinks() => _lookup = _links.GetAlternateLookup<ReadOnlySpan<byte>>();

    public int Count => _links.Count;

    /// <summary>Adds a link.</summary>
    /// <param name="directory">The directory of the upper layer that it would be in.</param>
    /// <param name="name">Its name.</param>
    public void Add(in Interop.FileStatus directory, ReadOnlySpan<byte> name)
    {
        Span<byte> key = stackalloc byte[IdentityLength + MaxNameLength];
        _lookup.Add(Key(key, directory.Device, directory.Inode, name));
    }

    public bool Contains(DirectoryRecord directory, ReadOnlySpan<byte> name)
    {
        if (_links.Count == 0)
            return false;
        Span<byte> key = stackalloc byte[IdentityLength + MaxNameLength];
        return _lookup.Contains(Key(key, directory.Device, directory.Inode, name));
    }

    public void Clear() => _links.Clear();

    private static Span<byte> Key(Span<byte> room, ulong device, ulong inode, ReadOnlySpan<byte> name)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(room, device);
        BinaryPrimitives.WriteUInt64LittleEndian(room[sizeof(ulong)..], inode);
        name.CopyTo(room[IdentityLength..]);
        return room[..(IdentityLength + name.Length)];
    }
}
