using System.Runtime.InteropServices;

namespace Containerd.Network;

/// <summary>How the kernel answered a request: its error, zero for success, and what it said about it.</summary>
internal readonly record struct NetlinkAcknowledgement(int Errno, string? Message, int? Offset, ushort? MissingType, int? MissingNest)
{
    // NLM_F_ACK_TLVS; on a request the same bit is NLM_F_EXCL.
    private const NetlinkFlags AttributesFollow = (NetlinkFlags)0x200;

    /// <summary>Reads an NLMSG_ERROR, whose zero is the acknowledgement, or an NLMSG_DONE.</summary>
    public static NetlinkAcknowledgement Parse(in NetlinkHeader header, ReadOnlySpan<byte> payload)
    {
        if (payload.Length < sizeof(int))
        {
            // A DONE without a result is how kernels before 4.20 end some dumps.
            return header.Type == MessageType.Done
                ? default
                : throw NetlinkFormat.Corrupted($"an acknowledgement has {payload.Length} bytes");
        }
        int error = MemoryMarshal.Read<int>(payload);
        if (error is > 0 or < -4095)
            throw NetlinkFormat.Corrupted($"an acknowledgement carries {error}, which is no error number");
        var result = new NetlinkAcknowledgement(-error, null, null, null, null);
        if (!header.Flags.HasFlag(AttributesFollow))
            return result;

        // An error repeats the header of the request, and with CAP_ACK no more of it; DONE repeats nothing.
        int skip = sizeof(int) + (header.Type == MessageType.Error ? NetlinkHeader.Size : 0);
        if (payload.Length < skip)
            throw NetlinkFormat.Corrupted($"an acknowledgement with attributes has {payload.Length} bytes");
        var attributes = new NetlinkAttributeReader(payload[skip..]);
        while (attributes.MoveNext())
        {
            result = (AckAttribute)attributes.Type switch
            {
                AckAttribute.NLMSGERR_ATTR_MSG => result with { Message = attributes.ReadText() },
                AckAttribute.NLMSGERR_ATTR_OFFS => result with { Offset = attributes.ReadInt32() },
                AckAttribute.NLMSGERR_ATTR_MISS_TYPE => result with { MissingType = (ushort)attributes.ReadUInt32() },
                AckAttribute.NLMSGERR_ATTR_MISS_NEST => result with { MissingNest = attributes.ReadInt32() },
                _ => result,
            };
        }
        return result;
    }
}
