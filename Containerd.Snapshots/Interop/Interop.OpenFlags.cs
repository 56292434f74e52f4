using Tmds.Linux;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    internal static partial class Sys
    {
        // linux/uapi/asm-generic/fcntl.h: the same on x64 and arm64.
        internal const int NoAccessTime = 0x40000; // O_NOATIME

        internal static int ReadDirectory => LibC.O_RDONLY | LibC.O_DIRECTORY | LibC.O_CLOEXEC;

        internal static int DoNotFollow => LibC.O_NOFOLLOW;

        // O_NONBLOCK: a fifo swapped in for the file must not hang the open.
        internal static int ReadFileOnly => LibC.O_RDONLY | LibC.O_NOFOLLOW | LibC.O_NONBLOCK | LibC.O_CLOEXEC;
    }
}
