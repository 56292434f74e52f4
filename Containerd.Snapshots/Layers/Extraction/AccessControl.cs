using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>ACLs beside what an entry says: above all those that the kernel gives to whatever is made in a directory with a default ACL, rights that nobody asked for (acl(5)).</summary>
internal static class AccessControl
{
    private static ReadOnlySpan<byte> Access => "system.posix_acl_access"u8;

    private static ReadOnlySpan<byte> Default => "system.posix_acl_default"u8;

    /// <summary>Whether what is made in a directory inherits.</summary>
    public static bool IsGivenBy(SafeFileHandle directory)
    {
        // A value longer than the buffer (ERANGE) is one too.
        Interop.FileResult result = Interop.Xattr.Get(directory, Default, default, out _);
        return !result.NoData && !result.Unsupported;
    }

    /// <summary>Whether a file has an ACL, whose mask then is what its mode shows for the group.</summary>
    public static bool IsOn(SafeFileHandle file)
    {
        Interop.FileResult result = Interop.Xattr.Get(file, Access, default, out _);
        return !result.NoData && !result.Unsupported;
    }

    /// <summary>Takes from a new file, node or directory what it inherited.</summary>
    public static void RemoveInherited(SafeFileHandle made, string subject)
    {
        Check(Interop.Xattr.RemoveOfPath(made, Access), subject);
        Check(Interop.Xattr.RemoveOfPath(made, Default), subject);
    }

    private static void Check(Interop.FileResult result, string subject)
    {
        if (!result.Ok && !result.NoData && !result.Unsupported)
            throw result.ToException("remove the inherited ACL of", subject);
    }
}
