using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Arm = System.Runtime.Intrinsics.Arm;

namespace Containerd.Snapshots;

/// <summary>The checksum of gzip (RFC 1952 §8): the reflected polynomial 0xEDB88320.</summary>
internal static class Crc32
{
    // Remainders for folding 512 and 128 bits at a time, then Barrett reduction; "Fast CRC Computation for Generic Polynomials Using
    // PCLMULQDQ", Intel 2009, for the reflected polynomial.
    private static readonly Vector128<ulong> Fold512 = Vector128.Create(0x0154442bd4UL, 0x01c6e41596UL);
    private static readonly Vector128<ulong> Fold128 = Vector128.Create(0x01751997d0UL, 0x00ccaa009eUL);
    private static readonly Vector128<ulong> Fold64 = Vector128.Create(0x0163cd6124UL, 0UL);
    private static readonly Vector128<ulong> Barrett = Vector128.Create(0x01db710641UL, 0x01f7011641UL);
    private static readonly uint[] Table = MakeTable();

    /// <summary>Continues a checksum, which starts as zero, over more bytes.</summary>
    public static uint Append(uint checksum, ReadOnlySpan<byte> data)
    {
        uint state = ~checksum;
        if (Arm.Crc32.Arm64.IsSupported)
            return ~AppendArm(state, data);
        if (Pclmulqdq.IsSupported && data.Length >= 64)
        {
            int whole = data.Length & ~15;
            state = Fold(state, data[..whole]);
            data = data[whole..];
        }
        return ~AppendTable(state, data);
    }

    internal static uint AppendTable(uint state, ReadOnlySpan<byte> data)
    {
        foreach (byte value in data)
            state = Table[(byte)(state ^ value)] ^ (state >> 8);
        return state;
    }

    private static uint AppendArm(uint state, ReadOnlySpan<byte> data)
    {
        while (data.Length >= 8)
        {
            state = Arm.Crc32.Arm64.ComputeCrc32(state, BinaryPrimitives.ReadUInt64LittleEndian(data));
            data = data[8..];
        }
        foreach (byte value in data)
            state = Arm.Crc32.ComputeCrc32(state, value);
        return state;
    }

    private static uint Fold(uint state, ReadOnlySpan<byte> data)
    {
        ReadOnlySpan<Vector128<ulong>> blocks = MemoryMarshal.Cast<byte, Vector128<ulong>>(data);
        Vector128<ulong> a = blocks[0] ^ Vector128.CreateScalar((ulong)state), b = blocks[1], c = blocks[2], d = blocks[3];
        blocks = blocks[4..];
        while (blocks.Length >= 4)
        {
            a = Step(a, Fold512) ^ blocks[0];
            b = Step(b, Fold512) ^ blocks[1];
            c = Step(c, Fold512) ^ blocks[2];
            d = Step(d, Fold512) ^ blocks[3];
            blocks = blocks[4..];
        }
        a = Step(a, Fold128) ^ b;
        a = Step(a, Fold128) ^ c;
        a = Step(a, Fold128) ^ d;
        foreach (Vector128<ulong> block in blocks)
            a = Step(a, Fold128) ^ block;

        Vector128<ulong> low32 = Vector128.Create(0xFFFFFFFFUL, 0xFFFFFFFFUL);
        a = Pclmulqdq.CarrylessMultiply(a, Fold128, 0x10) ^ Sse2.ShiftRightLogical128BitLane(a, 8);
        a = Pclmulqdq.CarrylessMultiply(a & low32, Fold64, 0x00) ^ Sse2.ShiftRightLogical128BitLane(a, 4);
        Vector128<ulong> quotient = Pclmulqdq.CarrylessMultiply(a & low32, Barrett, 0x10) & low32;
        return (Pclmulqdq.CarrylessMultiply(quotient, Barrett, 0x00) ^ a).AsUInt32().GetElement(1);
    }

    private static Vector128<ulong> Step(Vector128<ulong> value, Vector128<ulong> constants) =>
        Pclmulqdq.CarrylessMultiply(value, constants, 0x00) ^ Pclmulqdq.CarrylessMultiply(value, constants, 0x11);

    private static uint[] MakeTable()
    {
        var table = new uint[256];
        for (uint i = 0; i < table.Length; i++)
        {
            uint value = i;
            for (int bit = 0; bit < 8; bit++)
                value = (value & 1) != 0 ? (value >> 1) ^ 0xEDB88320 : value >> 1;
            table[i] = value;
        }
        return table;
    }
}
