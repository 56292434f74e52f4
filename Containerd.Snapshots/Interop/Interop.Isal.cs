using System.Runtime.InteropServices;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    /// <summary>The inflater of ISA-L, where that library is installed: half again to twice as fast as zlib-ng.</summary>
    internal static unsafe class Isal
    {
        // isa-l/igzip_lib.h, struct inflate_state: 87,368 bytes in version 2.30. Only the fields in front of its tables are used, whose places are the same in
        // every version of this soname; that no pointer into the state is kept in it lets it lie in a managed array.
        /// <summary>The length of a state in bytes, with room for what later versions may add.</summary>
        public const int StateLength = 128 << 10;

        private const int NextOut = 0, RoomLeft = 8, NextIn = 16, InputLeft = 32, BitsRead = 36;

        private static readonly nint Library = NativeLibrary.TryLoad("libisal.so.2", out nint library) ? library : 0;
        private static readonly delegate* unmanaged<byte*, void> Init = (delegate* unmanaged<byte*, void>)Export("isal_inflate_init");
        private static readonly delegate* unmanaged<byte*, int> Inflate = (delegate* unmanaged<byte*, int>)Export("isal_inflate");

        /// <summary>Whether the library is there, and of a kind that is known.</summary>
        public static bool IsAvailable => Init is not null && Inflate is not null;

        /// <summary>Makes a state ready for a stream of raw deflate data.</summary>
        public static void Begin(byte[] state)
        {
            fixed (byte* at = state)
                Init(at);
        }

        /// <summary>Inflates until the input is used up, the room is, or the stream ends.</summary>
        /// <param name="state">The state.</param>
        /// <param name="input">What follows in the stream.</param>
        /// <param name="output">Where it goes.</param>
        /// <param name="consumed">How much of the input was taken.</param>
        /// <param name="written">How much came out.</param>
        /// <returns>False where the data is damaged.</returns>
        public static bool TryInflate(byte[] state, ReadOnlySpan<byte> input, Span<byte> output, out int consumed, out int written)
        {
            fixed (byte* at = state, next = input, room = output)
            {
                *(byte**)(at + NextOut) = room;
                *(int*)(at + RoomLeft) = output.Length;
                *(byte**)(at + NextIn) = next;
                *(int*)(at + InputLeft) = input.Length;
                int result = Inflate(at);
                written = output.Length - *(int*)(at + RoomLeft);
                consumed = input.Length - *(int*)(at + InputLeft);
                return result >= 0;
            }
        }

        /// <summary>How many whole bytes were taken of the input that nothing has come out of yet; less than eight.</summary>
        public static int Unused(byte[] state)
        {
            fixed (byte* at = state)
                return *(int*)(at + BitsRead) / 8;
        }

        private static nint Export(string name) => Library != 0 && NativeLibrary.TryGetExport(Library, name, out nint address) ? address : 0;
    }
}
