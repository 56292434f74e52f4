using System.Buffers.Binary;

namespace Containerd.Snapshots;

/// <summary>Deflate streams (RFC 1951) without content: as every compressor writes them, of stored blocks and blocks with the fixed code.</summary>
internal static class EmptyDeflate
{
    /// <summary>The number of bytes that such a stream takes at the start of these; -1 where there is none.</summary>
    public static int Length(ReadOnlySpan<byte> data)
    {
        int bit = 0;
        while (bit + 10 <= data.Length * 8)
        {
            bool last = Bits(data, bit, 1) == 1;
            int type = Bits(data, bit + 1, 2);
            bit += 3;
            if (type == 0)
            {
                int lengths = (bit + 7) / 8;
                if (lengths + 4 > data.Length || BinaryPrimitives.ReadUInt32LittleEndian(data[lengths..]) != 0xFFFF0000)
                    return -1;
                bit = (lengths + 4) * 8;
            }
            else if (type == 1 && Bits(data, bit, 7) == 0)
                bit += 7;
            else
                return -1;
            if (last)
                return (bit + 7) / 8;
        }
        return -1;
    }

    private static int Bits(ReadOnlySpan<byte> data, int at, int count)
    {
        int value = 0;
        for (int i = 0; i < count; i++)
            value |= ((data[(at + i) / 8] >> ((at + i) % 8)) & 1) << i;
        return value;
    }
}
