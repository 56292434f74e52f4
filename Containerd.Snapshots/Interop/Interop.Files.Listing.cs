using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    internal static unsafe partial class Files
    {
        /// <summary>Reads the next batch of a directory's entries; an empty batch is the end. The batch is decoded by <see cref="NextName"/>.</summary>
        public static FileResult List(SafeFileHandle directory, Span<byte> buffer, out int length)
        {
            fixed (byte* start = buffer)
            {
                nint read = getdents64(directory, start, (nuint)buffer.Length);
                length = (int)Math.Max(read, 0);
                return read < 0 ? FileResult.OfLastCall : FileResult.Success;
            }
        }

        /// <summary>Takes the next name, other than <c>.</c> and <c>..</c>, off a batch.</summary>
        public static bool NextName(ref ReadOnlySpan<byte> batch, out ReadOnlySpan<byte> name)
        {
            // struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name.
            while (batch.Length > 19)
            {
                int length = BitConverter.ToUInt16(batch[16..]);
                name = batch[19..length];
                name = name[..name.IndexOf((byte)0)];
                batch = batch[length..];
                if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
                    return true;
            }
            name = default;
            return false;
        }

        [LibraryImport("libc", SetLastError = true)]
        private static partial nint getdents64(SafeFileHandle directory, byte* buffer, nuint size);
    }
}
