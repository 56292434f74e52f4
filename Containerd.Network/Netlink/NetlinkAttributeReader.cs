using System.Net;
using System.Net.NetworkInformation;
using System.Runtime.InteropServices;
using System.Text;

namespace Containerd.Network;

/// <summary>Goes through a run of attributes. Never reads outside it, whatever the lengths in it say.</summary>
internal ref struct NetlinkAttributeReader(ReadOnlySpan<byte> attributes)
{
    // NLA_F_NESTED and NLA_F_NET_BYTEORDER are flags within the type.
    private const ushort TypeMask = 0x3fff;

    private ReadOnlySpan<byte> _rest = attributes;

    public ushort Type { get; private set; }

    public ReadOnlySpan<byte> Payload { get; private set; }

    /// <summary>Begins after the fixed header at the start of a payload.</summary>
    public static NetlinkAttributeReader After<THeader>(ReadOnlySpan<byte> payload, out THeader header) where THeader : unmanaged
    {
        header = NetlinkFormat.ReadHeader<THeader>(payload, out int size);
        return new NetlinkAttributeReader(payload[size..]);
    }

    public bool MoveNext()
    {
        if (_rest.IsEmpty)
            return false;
        if (_rest.Length < NetlinkMessageWriter.AttributeHeaderSize)
            throw NetlinkFormat.Corrupted($"{_rest.Length} bytes are left where an attribute header of {NetlinkMessageWriter.AttributeHeaderSize} is due");
        ushort length = MemoryMarshal.Read<ushort>(_rest);
        if (length < NetlinkMessageWriter.AttributeHeaderSize || length > _rest.Length)
            throw NetlinkFormat.Corrupted($"an attribute says it has {length} bytes where {_rest.Length} are left");
        Type = (ushort)(MemoryMarshal.Read<ushort>(_rest[2..]) & TypeMask);
        Payload = _rest[NetlinkMessageWriter.AttributeHeaderSize..length];
        _rest = _rest[Math.Min(NetlinkMessageWriter.Align(length), _rest.Length)..];
        return true;
    }

    /// <summary>The attributes within this one.</summary>
    public readonly NetlinkAttributeReader Nested() => new(Payload);

    public readonly byte ReadByte() => Require(sizeof(byte))[0];

    public readonly uint ReadUInt32() => MemoryMarshal.Read<uint>(Require(sizeof(uint)));

    public readonly int ReadInt32() => MemoryMarshal.Read<int>(Require(sizeof(int)));

    /// <summary>The n-th 64-bit word; these are aligned to four bytes only.</summary>
    public readonly ulong ReadUInt64At(int index) => MemoryMarshal.Read<ulong>(Require((index + 1) * sizeof(ulong))[(index * sizeof(ulong))..]);

    public readonly string ReadText()
    {
        int end = Payload.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? Payload : Payload[..end]);
    }

    public readonly IPAddress ReadIPAddress() => Payload.Length is 4 or 16
        ? new IPAddress(Payload)
        : throw NetlinkFormat.Corrupted($"an IP address has {Payload.Length} bytes");

    public readonly PhysicalAddress ReadPhysicalAddress() => new(Payload.ToArray());

    private readonly ReadOnlySpan<byte> Require(int length) => Payload.Length >= length
        ? Payload
        : throw NetlinkFormat.Corrupted($"attribute {Type} has {Payload.Length} bytes where {length} are due");
}
