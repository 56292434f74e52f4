using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Containerd.Network;

/// <summary>What the readers have in common.</summary>
internal static class NetlinkFormat
{
    public static ContainerdException Corrupted(string what) =>
        new(ErrorKind.DataCorrupted, $"A netlink message is malformed: {what}.");

    public static T ReadHeader<T>(ReadOnlySpan<byte> payload, out int size) where T : unmanaged
    {
        size = NetlinkMessageWriter.Align(Unsafe.SizeOf<T>());
        return payload.Length >= size
            ? MemoryMarshal.Read<T>(payload)
            : throw Corrupted($"{payload.Length} bytes are left where a header of {size} is due");
    }
}
