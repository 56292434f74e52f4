using System.Runtime.InteropServices;

namespace Containerd.Network;

/// <summary>Goes through the messages of one datagram. Never reads outside it, whatever the lengths in it say.</summary>
internal ref struct NetlinkMessageReader(ReadOnlySpan<byte> datagram)
{
    private ReadOnlySpan<byte> _rest = datagram;

    public NetlinkHeader Header { get; private set; }

    /// <summary>What follows the header.</summary>
    public ReadOnlySpan<byte> Payload { get; private set; }

    /// <summary>The whole message, header included.</summary>
    public ReadOnlySpan<byte> Message { get; private set; }

    public bool MoveNext()
    {
        if (_rest.IsEmpty)
            return false;
        if (_rest.Length < NetlinkHeader.Size)
            throw NetlinkFormat.Corrupted($"{_rest.Length} bytes are left where a message header of {NetlinkHeader.Size} is due");
        NetlinkHeader header = MemoryMarshal.Read<NetlinkHeader>(_rest);
        if (header.Length < NetlinkHeader.Size || header.Length > (uint)_rest.Length)
            throw NetlinkFormat.Corrupted($"a message says it has {header.Length} bytes where {_rest.Length} are left");
        int length = (int)header.Length;
        Header = header;
        Message = _rest[..length];
        Payload = Message[NetlinkHeader.Size..];
        _rest = _rest[Math.Min(NetlinkMessageWriter.Align(length), _rest.Length)..];
        return true;
    }
}
