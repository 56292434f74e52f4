using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;

namespace Containerd.Snapshots;

/// <summary>ACLs in the text that GNU tar and libarchive write (<c>SCHILY.acl.access</c>, <c>SCHILY.acl.default</c>), put into the form of the kernel's attributes.</summary>
/// <remarks>
/// <c>user:NAME:rwx</c> with commas or line ends between, the number as the name or, from libarchive, as a fourth field: star(5), acl(5), and
/// linux/posix_acl_xattr.h. Names without a number mean nothing here, where no user is looked up.
/// </remarks>
internal static class AclText
{
    private const int Version = 2, VersionLength = 4, EntryLength = 8;
    private const uint NoId = uint.MaxValue;

    private enum Tag : ushort
    {
        Owner = 0x01,
        User = 0x02,
        OwningGroup = 0x04,
        Group = 0x08,
        Mask = 0x10,
        Other = 0x20,
    }

    /// <summary>Converts an ACL; false, with nothing written, where it names somebody without a number.</summary>
    public static bool TryConvert(ReadOnlySpan<byte> text, IBufferWriter<byte> destination)
    {
        var entries = new List<(Tag Tag, uint Id, ushort Permissions)>();
        foreach (Range range in text.SplitAny(",\n"u8))
        {
            ReadOnlySpan<byte> entry = text[range];
            int comment = entry.IndexOf((byte)'#'); // what getfacl says about the mask's effect
            entry = (comment < 0 ? entry : entry[..comment]).Trim(" \t\0"u8);
            if (entry.IsEmpty)
                continue;
            if (!TryParse(entry, out (Tag, uint, ushort) parsed))
                return false;
            entries.Add(parsed);
        }
        entries.Sort(); // the kernel wants this order
        Span<byte> room = destination.GetSpan(VersionLength + (entries.Count * EntryLength));
        BinaryPrimitives.WriteInt32LittleEndian(room, Version);
        int length = VersionLength;
        foreach ((Tag tag, uint id, ushort permissions) in entries)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(room[length..], (ushort)tag);
            BinaryPrimitives.WriteUInt16LittleEndian(room[(length + 2)..], permissions);
            BinaryPrimitives.WriteUInt32LittleEndian(room[(length + 4)..], id);
            length += EntryLength;
        }
        destination.Advance(length);
        return true;
    }

    private static bool TryParse(ReadOnlySpan<byte> entry, out (Tag Tag, uint Id, ushort Permissions) parsed)
    {
        Span<Range> fields = stackalloc Range[4];
        int count = 0;
        foreach (Range field in entry.Split((byte)':'))
        {
            if (count == fields.Length)
                throw Malformed();
            fields[count++] = field;
        }
        if (count < 2)
            throw Malformed();
        ReadOnlySpan<byte> kind = entry[fields[0]], name = count > 2 ? entry[fields[1]] : default;
        ushort permissions = Permissions(entry[fields[count > 2 ? 2 : 1]]);
        parsed = (Of(kind, isNamed: !name.IsEmpty || count == 4), NoId, permissions);
        if (parsed.Tag is not (Tag.User or Tag.Group))
            return true;
        ReadOnlySpan<byte> number = count == 4 ? entry[fields[3]] : name;
        if (!Utf8Parser.TryParse(number, out uint id, out int used) || used != number.Length || id == NoId)
            return false;
        parsed.Id = id;
        return true;
    }

    private static Tag Of(ReadOnlySpan<byte> kind, bool isNamed)
    {
        if (kind.SequenceEqual("user"u8) || kind.SequenceEqual("u"u8))
            return isNamed ? Tag.User : Tag.Owner;
        if (kind.SequenceEqual("group"u8) || kind.SequenceEqual("g"u8))
            return isNamed ? Tag.Group : Tag.OwningGroup;
        if (kind.SequenceEqual("mask"u8) || kind.SequenceEqual("m"u8))
            return Tag.Mask;
        return kind.SequenceEqual("other"u8) || kind.SequenceEqual("o"u8) ? Tag.Other : throw Malformed();
    }

    private static ushort Permissions(ReadOnlySpan<byte> letters)
    {
        ushort permissions = 0;
        foreach (byte letter in letters)
        {
            permissions |= letter switch
            {
                (byte)'r' => 4,
                (byte)'w' => 2,
                (byte)'x' => 1,
                (byte)'-' => 0,
                _ => throw Malformed(),
            };
        }
        return permissions;
    }

    private static ContainerdException Malformed() => TarError.Damaged("an ACL is malformed");
}
