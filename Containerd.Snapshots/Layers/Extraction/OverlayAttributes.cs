using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>The attributes by which overlayfs marks files (Documentation/filesystems/overlayfs.rst): <c>trusted.overlay.*</c>, or <c>user.overlay.*</c> with <c>userxattr</c>.</summary>
internal sealed class OverlayAttributes(bool userXattr)
{
    private ReadOnlySpan<byte> Opaque => userXattr ? "user.overlay.opaque"u8 : "trusted.overlay.opaque"u8;

    private ReadOnlySpan<byte> Redirect => userXattr ? "user.overlay.redirect"u8 : "trusted.overlay.redirect"u8;

    private ReadOnlySpan<byte> Metacopy => userXattr ? "user.overlay.metacopy"u8 : "trusted.overlay.metacopy"u8;

    public static bool IsOverlay(ReadOnlySpan<byte> name) => name.StartsWith("trusted.overlay."u8) || name.StartsWith("user.overlay."u8);

    public bool IsOpaque(SafeFileHandle directory)
    {
        Span<byte> value = stackalloc byte[4];
        return Interop.Xattr.Get(directory, Opaque, value, out int length).Ok && value[..length].SequenceEqual("y"u8);
    }

    /// <summary>Whether what a file holds lies under another name or in another layer, where only the kernel finds it.</summary>
    public bool IsElsewhere(SafeFileHandle file) => Has(file, Redirect) || Has(file, Metacopy);

    public Interop.FileResult MakeOpaque(SafeFileHandle directory) => Interop.Xattr.Set(directory, Opaque, "y"u8);

    // Too small a buffer (ERANGE) also says that it is there.
    private static bool Has(SafeFileHandle file, ReadOnlySpan<byte> name)
    {
        Interop.FileResult result = Interop.Xattr.Get(file, name, default, out _);
        return !result.NoData && !result.Unsupported && !result.NotPermitted;
    }
}
