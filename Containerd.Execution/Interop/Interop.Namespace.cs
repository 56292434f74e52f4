using System.Runtime.InteropServices;
using Tmds.Linux;

namespace Containerd.Execution;

internal static unsafe partial class Interop
{
    private const int PR_SET_CHILD_SUBREAPER = 36;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int prctl(int option, nuint a, nuint b, nuint c, nuint d);

    /// <summary>
    /// Moves the calling thread into a mount namespace of its own, which still receives what the host mounts and unmounts but tells the host nothing.
    /// </summary>
    /// <remarks>Slave rather than private: a host unmount reaches the copy too, so that the namespace never pins a mount that the host wants to end.</remarks>
    public static void EnterPrivateMountNamespace()
    {
        if (LibC.unshare(LibC.CLONE_NEWNS) != 0)
            throw Error(LibC.errno, "Entering", "a private mount namespace");
        fixed (byte* root = "/\0"u8)
        {
            if (LibC.mount(null, root, null, LibC.MS_REC | LibC.MS_SLAVE, null) != 0)
                throw Error(LibC.errno, "Ending the mount propagation to the host of", "/");
        }
    }

    /// <summary>Makes this process the one that orphans beneath it come to.</summary>
    public static void BecomeSubreaper()
    {
        if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
            throw Error(Marshal.GetLastPInvokeError(), "Becoming", "a subreaper");
    }
}
