using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    internal static partial class Sys
    {
        /// <summary>Writes text to a file of the kernel's, which takes it in one call or not at all.</summary>
        internal static unsafe int WriteAtOnce(SafeFileHandle file, ReadOnlySpan<byte> text)
        {
            using var lease = new Lease(file);
            fixed (byte* start = text)
            {
                long written;
                int errno;
                do
                {
                    written = (long)LibC.write(lease.Descriptor, start, (size_t)text.Length);
                    errno = ErrorOf(written);
                }
                while (errno == EINTR);
                return errno == 0 && written != text.Length ? EINVAL : errno;
            }
        }
    }
}
