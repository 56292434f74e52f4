using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>The attributes by which overlayfs marks files (Documentation/filesystems/overlayfs.rst): <c>trusted.overlay.*</c>, or <c>user.overlay.*</c> with <c>userxattr</c>.</summary>
internal sealed class OverlayAttributes(bool userXattr)
{
    private ReadOnlySpan<byte> Opaque => userXattr ? "user.overlay.opaque"u8 : "trusted.overlay.opaque"u8;

    private ReadOnlySpan<byte> Redirect => userXattr ? "user.overlay.redirect"u8 : "trusted.overlay.redirect"u8;

    // Not overlayfs' own, but with its prefix: no mounted overlay shows it, no layer takes it along.
    private ReadOnlySpan<byte> Implied => userXattr ? "user.overlay.containerd.implied"u8 : "trusted.overlay.containerd.implied"u8;

    private ReadOnlySpan<byte> Origin => userXattr ? "user.overlay.origin"u8 : "trusted.overlay.origin"u8;

    private ReadOnlySpan<byte> Whiteout => userXattr ? "user.overlay.whiteout"u8 : "trusted.overlay.whiteout"u8;

    private ReadOnlySpan<byte> Links => userXattr ? "user.overlay.nlink"u8 : "trusted.overlay.nlink"u8;

    private ReadOnlySpan<byte> Metacopy => userXattr ? "user.overlay.metacopy"u8 : "trusted.overlay.metacopy"u8;

    public static bool IsOverlay(ReadOnlySpan<byte> name) => name.StartsWith("trusted.overlay."u8) || name.StartsWith("user.overlay."u8);

    public bool IsOpaque(SafeFileHandle directory)
    {
        Span<byte> value = stackalloc byte[4];
        return Interop.Xattr.Get(directory, Opaque, value, out int length).Ok && value[..length].SequenceEqual("y"u8);
    }

    /// <summary>Whether what a file holds lies under another name or in another layer, where only the kernel finds it.</summary>
    public bool IsElsewhere(SafeFileHandle file) => Has(file, Redirect) || Has(file, Metacopy);

    /// <summary>Whether empty files in the directory may be whiteouts by an attribute, which is how an overlay keeps those of another one (Linux 6.7).</summary>
    public bool HasMarkedWhiteouts(SafeFileHandle directory)
    {
        Span<byte> value = stackalloc byte[4];
        return Interop.Xattr.Get(directory, Opaque, value, out int length).Ok && value[..length].SequenceEqual("x"u8);
    }

    /// <summary>Whether an empty file in such a directory is a whiteout.</summary>
    public bool IsMarkedWhiteout(SafeFileHandle file) => Has(file, Whiteout);

    /// <summary>Whether other names of a file are known to the overlay's index only (<c>index=on</c>).</summary>
    public bool HasIndexedLinks(SafeFileHandle file) => Has(file, Links);

    public Interop.FileResult MakeOpaque(SafeFileHandle directory) => Interop.Xattr.Set(directory, Opaque, "y"u8);

    /// <summary>
    /// Tells overlayfs that there are whiteouts in a directory. Where nothing is beneath it, or it is opaque, it would list them as files that cannot be opened. An empty
    /// origin, which stands for a copy of something that is not known, makes it look (fs/overlayfs/inode.c ovl_get_inode).
    /// </summary>
    public Interop.FileResult MarkWhiteouts(SafeFileHandle directory) => Interop.Xattr.Set(directory, Origin, default);

    /// <summary>
    /// Whether a directory was made on the way to something in it, before an entry described it or without one. Of a root, whether that is so of any directory in it.
    /// </summary>
    public bool WasImplied(SafeFileHandle directory) => Has(directory, Implied);

    /// <summary>Whether no entry of the layer describes such a directory.</summary>
    public bool IsImplied(SafeFileHandle directory)
    {
        Span<byte> value = stackalloc byte[4];
        return Interop.Xattr.Get(directory, Implied, value, out int length).Ok && value[..length].SequenceEqual("y"u8);
    }

    /// <summary>Whether a directory of the tree, whose root this is, was implied and is gone.</summary>
    public bool HasReplaced(SafeFileHandle root)
    {
        Span<byte> value = stackalloc byte[4];
        return Interop.Xattr.Get(root, Implied, value, out int length).Ok && value[..length].SequenceEqual("r"u8);
    }

    /// <summary>Something else, or nothing, is where a directory of the tree was implied.</summary>
    public Interop.FileResult MarkReplaced(SafeFileHandle root) => Interop.Xattr.Set(root, Implied, "r"u8);

    public Interop.FileResult MarkImplied(SafeFileHandle directory) => Interop.Xattr.Set(directory, Implied, "y"u8);

    /// <summary>An entry describes a directory that was implied after all.</summary>
    public Interop.FileResult MarkDescribed(SafeFileHandle directory) => Interop.Xattr.Set(directory, Implied, "n"u8);

    // Too small a buffer (ERANGE) also says that it is there.
    private static bool Has(SafeFileHandle file, ReadOnlySpan<byte> name)
    {
        Interop.FileResult result = Interop.Xattr.Get(file, name, default, out _);
        return !result.NoData && !result.Unsupported && !result.NotPermitted;
    }
}
