using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    internal static partial class Sys
    {
        /// <summary>Keeps a handle open, and its descriptor from being reused, while a call uses the number.</summary>
        private readonly ref struct Lease : IDisposable
        {
            private readonly SafeHandle? _handle;

            public Lease(SafeHandle? handle)
            {
                if (handle is null)
                    return;
                bool added = false;
                handle.DangerousAddRef(ref added);
                _handle = handle;
            }

            /// <summary>The descriptor; AT_FDCWD without a handle.</summary>
            public int Descriptor => _handle is null ? Tmds.Linux.LibC.AT_FDCWD : (int)_handle.DangerousGetHandle();

            public void Dispose() => _handle?.DangerousRelease();
        }

        /// <summary>A path by which every thread of this process reaches what a handle has open, for as long as the handle is open.</summary>
        internal static string PathOf(SafeFileHandle handle)
        {
            using var lease = new Lease(handle);
            return string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{lease.Descriptor}");
        }

        private static byte[] Terminated(string path)
        {
            // The kernel would take a NUL for the end, and act on another file than the one named.
            if (path.Contains('\0', StringComparison.Ordinal))
                throw new ContainerdException(ErrorKind.InvalidArgument, $"The path '{Excerpt.Of(path)}' contains a NUL character.") { Subject = path };
            return Encoding.UTF8.GetBytes(path + "\0");
        }

        private static int ErrorOf(long result) => result < 0 ? Marshal.GetLastPInvokeError() : 0;
    }
}
