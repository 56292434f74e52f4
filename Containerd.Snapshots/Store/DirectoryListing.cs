using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Reads a directory through its handle, names as the bytes they are.</summary>
internal static class DirectoryListing
{
    public const byte UnknownType = 0;
    public const byte DirectoryType = 4;

    private const int BufferSize = 32 * 1024;

    // struct linux_dirent64: inode, offset (8 bytes each), record length (2), type (1), name with its NUL
    private const int LengthOffset = 16;
    private const int TypeOffset = 18;
    private const int NameOffset = 19;

    /// <summary>What is done with an entry.</summary>
    /// <param name="terminatedName">The name with a NUL behind it.</param>
    /// <param name="type">DT_*, or <see cref="UnknownType"/> where the file system does not say.</param>
    public delegate void Visitor(ReadOnlySpan<byte> terminatedName, byte type);

    /// <summary>Visits every entry but <c>.</c> and <c>..</c>.</summary>
    public static void Visit(SafeFileHandle directory, string subject, Visitor visitor)
    {
        byte[] buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            while (true)
            {
                int length = Sys.ReadEntries(directory, buffer, out int errno);
                if (errno is not (0 or ENOENT)) // ENOENT: the directory itself was removed meanwhile
                    throw Failure("Reading directory", subject, errno);
                if (length <= 0)
                    return;
                for (ReadOnlySpan<byte> rest = buffer.AsSpan(0, length); rest.Length > NameOffset;)
                {
                    int record = BinaryPrimitives.ReadUInt16LittleEndian(rest[LengthOffset..]);
                    ReadOnlySpan<byte> name = rest[NameOffset..record];
                    name = name[..(name.IndexOf((byte)0) + 1)];
                    if (!name.SequenceEqual(".\0"u8) && !name.SequenceEqual("..\0"u8))
                        visitor(name, rest[TypeOffset]);
                    rest = rest[record..];
                }
            }
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
