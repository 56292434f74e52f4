using System.Runtime.InteropServices;

namespace Containerd.Network;

internal static partial class Interop
{
    /// <summary>Keeps a handle open, and its descriptor from being reused, for as long as a call uses the number.</summary>
    internal readonly struct HandleLease : IDisposable
    {
        private readonly SafeHandle? _handle;

        public HandleLease(SafeHandle? handle)
        {
            if (handle is null)
                return;
            bool added = false;
            handle.DangerousAddRef(ref added);
            _handle = handle;
        }

        /// <summary>The descriptor, for a system call or a netlink attribute; -1 without a handle.</summary>
        public int Descriptor => _handle is null ? -1 : (int)_handle.DangerousGetHandle();

        public void Dispose() => _handle?.DangerousRelease();
    }
}
