using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Containerd.Network;

/// <summary>Builds one netlink message: header, family header, attributes. Padding is always zero.</summary>
/// <remarks>Sequence number and port are left to the connection. Native byte order, as the kernel wants it.</remarks>
internal ref struct NetlinkMessageWriter
{
    public const int AttributeHeaderSize = 4;

    // nla_len is 16 bits and includes the header of the attribute.
    private const int MaxAttributePayload = ushort.MaxValue - AttributeHeaderSize;
    private const ushort Nested = 0x8000;

    private byte[] _buffer;
    private int _length;

    public NetlinkMessageWriter(MessageType type, NetlinkFlags flags)
    {
        _buffer = new byte[512];
        _length = 0;
        WriteHeader(new NetlinkHeader { Type = type, Flags = flags | NetlinkFlags.Request | NetlinkFlags.Ack });
    }

    /// <summary>Writes a fixed header: that of the family, or the one that begins the payload of some nests.</summary>
    public void WriteHeader<T>(in T header) where T : unmanaged
    {
        MemoryMarshal.Write(Take(Align(Unsafe.SizeOf<T>())), in header);
    }

    public void Write<TAttribute>(TAttribute type, ReadOnlySpan<byte> payload) where TAttribute : unmanaged, Enum =>
        payload.CopyTo(TakeAttribute(Unsafe.BitCast<TAttribute, ushort>(type), payload.Length));

    public void Write<TAttribute>(TAttribute type, byte value) where TAttribute : unmanaged, Enum =>
        TakeAttribute(Unsafe.BitCast<TAttribute, ushort>(type), 1)[0] = value;

    public void Write<TAttribute>(TAttribute type, uint value) where TAttribute : unmanaged, Enum =>
        MemoryMarshal.Write(TakeAttribute(Unsafe.BitCast<TAttribute, ushort>(type), sizeof(uint)), in value);

    public void Write<TAttribute>(TAttribute type, int value) where TAttribute : unmanaged, Enum =>
        Write(type, unchecked((uint)value));

    /// <summary>Writes text and the NUL that ends it.</summary>
    public void Write<TAttribute>(TAttribute type, string text) where TAttribute : unmanaged, Enum =>
        Encoding.UTF8.GetBytes(text, TakeAttribute(Unsafe.BitCast<TAttribute, ushort>(type), Encoding.UTF8.GetByteCount(text) + 1));

    public void Write<TAttribute>(TAttribute type, IPAddress address) where TAttribute : unmanaged, Enum =>
        Write(type, address.GetAddressBytes());

    /// <summary>Names an open file to the kernel. The lease must outlive the request.</summary>
    public void Write<TAttribute>(TAttribute type, in Interop.HandleLease file) where TAttribute : unmanaged, Enum =>
        Write(type, file.Descriptor);

    /// <summary>Begins an attribute that holds attributes.</summary>
    /// <returns>What <see cref="EndNest"/> needs.</returns>
    public int BeginNest<TAttribute>(TAttribute type) where TAttribute : unmanaged, Enum
    {
        int start = _length;
        TakeAttribute((ushort)(Unsafe.BitCast<TAttribute, ushort>(type) | Nested), 0);
        return start;
    }

    public readonly void EndNest(int start) => SetAttributeLength(start, _length - start);

    /// <summary>The finished message.</summary>
    public readonly byte[] ToArray()
    {
        uint length = (uint)_length;
        MemoryMarshal.Write(_buffer, in length);
        return _buffer.AsSpan(0, _length).ToArray();
    }

    internal static int Align(int length) => (length + 3) & ~3;

    private Span<byte> TakeAttribute(ushort type, int payloadLength)
    {
        int start = _length;
        if (payloadLength > MaxAttributePayload)
            throw TooLong(payloadLength);
        Span<byte> attribute = Take(Align(AttributeHeaderSize + payloadLength));
        SetAttributeLength(start, AttributeHeaderSize + payloadLength);
        MemoryMarshal.Write(attribute[2..], in type);
        return attribute.Slice(AttributeHeaderSize, payloadLength);
    }

    private readonly void SetAttributeLength(int start, int length)
    {
        if (length > ushort.MaxValue)
            throw TooLong(length);
        ushort value = (ushort)length;
        MemoryMarshal.Write(_buffer.AsSpan(start), in value);
    }

    private Span<byte> Take(int length)
    {
        int start = _length;
        if (_buffer.Length - start < length)
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, start + length));
        _length += length;
        return _buffer.AsSpan(start, length);
    }

    private static ContainerdException TooLong(int length) =>
        new(ErrorKind.InvalidArgument, $"A netlink attribute holds at most {ushort.MaxValue} bytes, {length} were given.");
}
